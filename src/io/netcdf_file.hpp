#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "io/dataset.hpp"
#include "io/file_error.hpp"
#include "io/layout.hpp"

namespace gradflow {

/// Writes a dataset as a NetCDF-4 file that `xarray.open_dataset(path)` opens without options,
/// atomically (FileReplacement). Equal datasets give equal bytes: the file holds no time stamps.
///
/// Types: double, int, int64 and string. Doubles carry `_FillValue` = NaN, integers carry none.
/// Numbers of 64 KiB and more carry HDF5's checksum (Fletcher-32), doubles among them are
/// compressed (shuffle, zlib level 1). A dimension of length zero is stored as an unlimited one,
/// the only form NetCDF has for it. Safe to call from any thread (calls wait for one another in the
/// libraries below, which are not; not for the disk). Errors: FileError; a disk without room for
/// the arrays uncompressed counts as full.
void write_netcdf(const Dataset& dataset, const std::filesystem::path& path);

/// Values of variables at `count` places that follow those of the last block.
struct Block {
  std::size_t count = 0;  ///< 0: there are no more
  std::vector<Values> values = {};
};

/// Variables whose values come block by block along the first `leading` dimensions of a dataset.
struct BlockSource {
  std::size_t leading = 0;
  std::vector<Layout::Array> variables;
  std::function<Block()> next;
  /// Global attributes that are known once all blocks have come.
  std::function<std::vector<Attribute>()> last_attributes;
};

/// The same with further variables, which are never in memory as a whole. Errors: as above.
void write_netcdf(const Dataset& dataset, const BlockSource& source,
                  const std::filesystem::path& path);

/// All end with a checksum (io/checksum.hpp), which NetCDF does not look at.

/// Reads what these wrote; names, order, types and values come back unchanged (but an
/// attribute that is a list of one entry comes back as a number). `_FillValue` is implied by the
/// type and left out. Errors: DamagedFile and UncheckedFile by its checksum, before
/// anything else in it is looked at; FileError if it is missing or holds other types.
Dataset read_netcdf(const std::filesystem::path& path);
/// Dimensions, global attributes, and the variables of these names alone.
Dataset read_netcdf(const std::filesystem::path& path, const std::vector<std::string>& names);

/// Does a file begin as NetCDF does and not end with a checksum of gradflow's? Then another program
/// wrote it (or it is cut off). Errors: FileError where it cannot be read.
bool is_foreign_netcdf(const std::filesystem::path& path);

/// Bytes that the variables of a NetCDF file of any origin take in memory, by its header. The
/// libraries below may crash or hang on a file that is damaged: for a process of its own.
/// Errors: FileError.
double declared_bytes(const std::filesystem::path& path);

}  // namespace gradflow
