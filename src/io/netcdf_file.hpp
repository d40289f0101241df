#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "io/atomic_file.hpp"
#include "io/dataset.hpp"

namespace gradflow {

/// Writes a dataset as a NetCDF-4 file that `xarray.open_dataset(path)` opens without options,
/// atomically (FileReplacement). Equal datasets give equal bytes: the file holds no time stamps.
///
/// Types: double, int, int64 and string. Doubles carry `_FillValue` = NaN, integers carry none.
/// Doubles of 64 KiB and more are compressed (shuffle, zlib level 1). A dimension of length zero
/// is stored as an unlimited one, the only form NetCDF has for it.
/// Safe to call from any thread (calls wait for one another in the libraries below, which are not;
/// not for the disk).
/// Errors: FileError; a disk without room for the arrays uncompressed counts as full.
void write_netcdf(const Dataset& dataset, const std::filesystem::path& path);

/// The same for files that nothing but their number makes costly (the points of a study): a small
/// dataset goes into NetCDF's classic form (CDF-5), whose bytes are made in memory in a twentieth
/// of the time, texts as arrays of characters; xarray opens it likewise. What that form does not
/// take (arrays that would be compressed, dimensions of length zero) is written by `write_netcdf`.
void write_small_netcdf(const Dataset& dataset, const std::filesystem::path& path);

/// The bytes that `write_small_netcdf` puts into the file, for who wants to do that himself;
/// nothing where the classic form does not take the dataset. `path` is named in errors.
std::optional<std::string> small_netcdf(const Dataset& dataset, const std::filesystem::path& path);

/// All end with a checksum (io/checksum.hpp), which NetCDF does not look at.

/// Reads what these wrote; names, order, types and values come back unchanged (but an
/// attribute that is a list of one entry comes back as a number). `_FillValue` is implied by the
/// type and left out. Errors: DamagedFile and UncheckedFile by its checksum, before
/// anything else in it is looked at; FileError if it is missing or holds other types.
Dataset read_netcdf(const std::filesystem::path& path);

/// Does a file begin as NetCDF does and not end with a checksum of gradflow's? Then another program
/// wrote it (or it is cut off). Errors: FileError where it cannot be read.
bool is_foreign_netcdf(const std::filesystem::path& path);

/// Bytes that the variables of a NetCDF file of any origin take in memory, by its header. The
/// libraries below may crash or hang on a file that is damaged: for a process of its own.
/// Errors: FileError.
double declared_bytes(const std::filesystem::path& path);

}  // namespace gradflow
