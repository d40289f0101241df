#pragma once

#include <new>

namespace gradflow {

/// So many bytes are not to be had in one piece.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(double bytes) : bytes_(bytes) {}
  const char* what() const noexcept override { return "out of memory"; }
  double bytes() const { return bytes_; }

 private:
  double bytes_;
};

/// To be asked before work that takes its memory bit by bit, and above all before calling libraries
/// that do not bear to be refused some. Nothing is kept: with other threads at work the answer is
/// not for ever. \throws OutOfMemory
void require_memory(double bytes);

/// The largest piece that require_memory was asked for, in this process, while it lives. One at a
/// time.
class LargestRequired {
 public:
  LargestRequired();
  ~LargestRequired();
  LargestRequired(const LargestRequired&) = delete;
  LargestRequired& operator=(const LargestRequired&) = delete;
  double bytes() const;
};

/// Address space that this process takes; 0 where the system does not say.
double process_bytes();

}  // namespace gradflow
