#include "solve/sundials_vector.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "numerics/parallel.hpp"
#include "numerics/types.hpp"

namespace gradflow::sundials {
namespace {

/// Numbers of each vector that are worked on at a time: a dozen vectors' stretches stay in the
/// first-level cache.
constexpr Index stretch = 512;
using Stretch = Eigen::Array<double, stretch, 1>;
using Input = Eigen::Map<const Eigen::ArrayXd>;
using Output = Eigen::Map<Eigen::ArrayXd>;

/// z = c_0 x_0 + c_1 x_1 + ..., or one of CVODE's other operations entry by entry.
struct Operation {
  enum class Kind { combination, product, quotient, magnitude, inverse, shift, constant };
  static constexpr int most = 8;  // BDF's history at order 5 has 6 vectors
  Kind kind;
  int count;
  std::array<double, most> c;
  std::array<const double*, most> x;
  double* z;

  void apply(Index start, Index n) const {
    const auto in = [&](int j) { return Input(x[j] + start, n); };
    Output out(z + start, n);
    switch (kind) {
      case Kind::combination:
        if (count == 1) {
          if (c[0] != 1)
            out = c[0] * in(0);
          else if (x[0] != z)
            out = in(0);
        } else if (count == 2) {
          if (c[0] == 1 && c[1] == 1)
            out = in(0) + in(1);
          else if (c[0] == 1 && c[1] == -1)
            out = in(0) - in(1);
          else
            out = c[0] * in(0) + c[1] * in(1);
        } else {
          Stretch sum;
          sum.head(n) = c[0] * in(0);
          for (int j = 1; j < count; ++j) sum.head(n) += c[j] * in(j);
          out = sum.head(n);
        }
        break;
      case Kind::product:
        out = in(0) * in(1);
        break;
      case Kind::quotient:
        out = in(0) / in(1);
        break;
      case Kind::magnitude:
        out = in(0).abs();
        break;
      case Kind::inverse:
        out = in(0).inverse();
        break;
      case Kind::shift:
        out = in(0) + c[0];
        break;
      case Kind::constant:
        out.setConstant(c[0]);
        break;
    }
  }
};

/// Operations that wait, in their order. They all go entry by entry, so that any number of them may
/// be carried out on one stretch after the other.
class Queue {
 public:
  void add(Operation::Kind kind, std::initializer_list<double> c, std::initializer_list<N_Vector> x,
           N_Vector z) {
    Operation& operation = next(z);
    operation.kind = kind;
    operation.count = static_cast<int>(x.size());
    std::copy(c.begin(), c.end(), operation.c.begin());
    std::transform(x.begin(), x.end(), operation.x.begin(), [](N_Vector v) { return data(v); });
    settle();
  }

  void add_combination(int count, const double* c, N_Vector* x, N_Vector z) {
    // More than fit: z takes the first ones, then the rest upon it. z may be x_0 alone (SUNDIALS).
    int done = 0;
    while (done < count) {
      Operation& operation = next(z);
      operation.kind = Operation::Kind::combination;
      operation.count = 0;
      const auto take = [&](double factor, const double* from) {
        operation.c[operation.count] = factor;
        operation.x[operation.count++] = from;
      };
      if (done > 0) take(1, data(z));
      while (done < count && operation.count < Operation::most) {
        take(c[done], data(x[done]));
        ++done;
      }
      settle();
    }
  }

  void finish() {
    if (!waiting_.empty()) carry_out([](Index, Index, Index) {});
  }

  /// Carries out all that waits and, while a stretch is in the cache, takes `part(start, n)` of v;
  /// `join` puts the parts together in order, from `value` on.
  template <class Part, class Join>
  double reduce(N_Vector v, double value, Part part, Join join) {
    expect(v);
    if (size_ <= stretch) return join(value, part(0, size_));
    parts_.assign(static_cast<std::size_t>(chunks()), value);
    carry_out([&](Index chunk, Index start, Index n) {
      double& so_far = parts_[static_cast<std::size_t>(chunk)];
      so_far = join(so_far, part(start, n));
    });
    for (const double part_value : parts_) value = join(value, part_value);
    return value;
  }

  static double* data(N_Vector v) { return NV_DATA_S(v); }

 private:
  /// Of stretches, for one thread.
  static constexpr Index chunk_size = 16 * stretch;
  Index chunks() const { return (size_ + chunk_size - 1) / chunk_size; }

  template <class F>
  void carry_out(F also) {
    parallel_for(chunks(), [&](Index chunk) {
      const Index end = std::min((chunk + 1) * chunk_size, size_);
      for (Index start = chunk * chunk_size; start < end; start += stretch) {
        const Index n = std::min(stretch, end - start);
        for (const Operation& operation : waiting_) operation.apply(start, n);
        also(chunk, start, n);
      }
    });
    waiting_.clear();
  }
  /// Of one stretch there is nothing to gain by waiting.
  void settle() {
    if (size_ > stretch) return;
    waiting_.back().apply(0, size_);
    waiting_.clear();
  }
  Operation& next(N_Vector z) {
    expect(z);
    Operation& operation = waiting_.emplace_back();
    operation.z = data(z);
    return operation;
  }
  /// All that waits has one length.
  void expect(N_Vector v) {
    const Index size = static_cast<Index>(NV_LENGTH_S(v));
    if (size != size_) finish();
    size_ = size;
  }

  std::vector<Operation> waiting_;
  std::vector<double> parts_;
  Index size_ = 0;
};

/// One for a thread: a solver's calls are all made in one.
Queue& queue() {
  thread_local Queue all;
  return all;
}

using Kind = Operation::Kind;

Input segment(N_Vector v, Index start, Index n) {
  return {Queue::data(v) + start, n};
}

}  // namespace

void use_deferred_operations(N_Vector v) {
  auto* ops = v->ops;
  ops->nvgetarraypointer = [](N_Vector x) -> sunrealtype* {
    queue().finish();
    return Queue::data(x);
  };
  // Where numbers lie decides which of them go through a loop's head and tail instead of its
  // vectors, and so their last bits: the same config gives the same bits only with all memory
  // aligned alike.
  ops->nvclone = [](N_Vector x) {
    N_Vector copy = N_VCloneEmpty_Serial(x);
    constexpr std::size_t line = 64;
    const auto bytes = static_cast<std::size_t>(NV_LENGTH_S(x)) * sizeof(double);
    NV_DATA_S(copy) =
        static_cast<double*>(std::aligned_alloc(line, (bytes + line - 1) / line * line));
    NV_OWN_DATA_S(copy) = SUNTRUE;  // freed as what malloc gave
    return copy;
  };
  ops->nvdestroy = [](N_Vector x) {
    queue().finish();
    N_VDestroy_Serial(x);
  };
  ops->nvlinearsum = [](sunrealtype a, N_Vector x, sunrealtype b, N_Vector y, N_Vector z) {
    queue().add(Kind::combination, {a, b}, {x, y}, z);
  };
  ops->nvscale = [](sunrealtype c, N_Vector x, N_Vector z) {
    queue().add(Kind::combination, {c}, {x}, z);
  };
  ops->nvlinearcombination = [](int count, sunrealtype* c, N_Vector* x, N_Vector z) {
    queue().add_combination(count, c, x, z);
    return 0;
  };
  ops->nvconst = [](sunrealtype c, N_Vector z) { queue().add(Kind::constant, {c}, {}, z); };
  ops->nvprod = [](N_Vector x, N_Vector y, N_Vector z) {
    queue().add(Kind::product, {}, {x, y}, z);
  };
  ops->nvdiv = [](N_Vector x, N_Vector y, N_Vector z) {
    queue().add(Kind::quotient, {}, {x, y}, z);
  };
  ops->nvabs = [](N_Vector x, N_Vector z) { queue().add(Kind::magnitude, {}, {x}, z); };
  ops->nvinv = [](N_Vector x, N_Vector z) { queue().add(Kind::inverse, {}, {x}, z); };
  ops->nvaddconst = [](N_Vector x, sunrealtype b, N_Vector z) {
    queue().add(Kind::shift, {b}, {x}, z);
  };
  ops->nvdotprod = [](N_Vector x, N_Vector y) -> sunrealtype {
    return queue().reduce(
        x, 0,
        [&](Index start, Index n) { return (segment(x, start, n) * segment(y, start, n)).sum(); },
        std::plus());
  };
  ops->nvmaxnorm = [](N_Vector x) -> sunrealtype {
    return queue().reduce(
        x, 0, [&](Index start, Index n) { return segment(x, start, n).abs().maxCoeff(); },
        [](double a, double b) { return a > b || std::isnan(a) ? a : b; });
  };
  ops->nvmin = [](N_Vector x) -> sunrealtype {
    return queue().reduce(
        x, INFINITY, [&](Index start, Index n) { return segment(x, start, n).minCoeff(); },
        [](double a, double b) { return a < b || std::isnan(a) ? a : b; });
  };
  ops->nvwrmsnorm = [](N_Vector x, N_Vector w) -> sunrealtype {
    const double squares = queue().reduce(
        x, 0,
        [&](Index start, Index n) {
          return (segment(x, start, n) * segment(w, start, n)).square().sum();
        },
        std::plus());
    return std::sqrt(squares / static_cast<double>(NV_LENGTH_S(x)));
  };
  // What CVODE does not ask for is absent, so that nothing reads a vector past the queue.
  ops->nvwrmsnormmask = nullptr;
  ops->nvwl2norm = nullptr;
  ops->nvl1norm = nullptr;
  ops->nvcompare = nullptr;
  ops->nvinvtest = nullptr;
  ops->nvconstrmask = nullptr;
  ops->nvminquotient = nullptr;
}

void finish_operations() {
  queue().finish();
}

}  // namespace gradflow::sundials
