#include "io/data_file.hpp"
#include "io/toml_document.hpp"
#include "tests/catch.hpp"
#include "tests/cli/process.hpp"
#include "tests/fuzz/damage.hpp"
#include "tests/fuzz/readers.hpp"

using namespace gradflow;
using namespace gradflow::testing;

TEST_CASE("Each reader takes or refuses each of its seeds, which once were more than that") {
  const Scratch scratch;
  const fs::path seeds = fs::path(GRADFLOW_SOURCE) / "tests" / "fuzz" / "seeds";
  for (const Reader& reader : file_readers()) {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(seeds / reader.seeds)) {
      INFO(entry.path());
      CHECK_NOTHROW(reader.read(contents(entry.path()), scratch.path));
      ++count;
    }
    CHECK(count > 0);
  }
}

TEST_CASE("Of a thousand damaged data files each is refused, or read as its bytes say") {
  const Scratch scratch;
  std::string table = "a,b,c\n", numbers;
  RandomStream values(2, "values"), draws(3, "damaged data");
  for (int row = 0; row < 20; ++row)
    for (int column = 0; column < 3; ++column) {
      const double value = values.normal();
      table += toml_number(value) + (column < 2 ? "," : "\n");
      numbers.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
  std::string dictionary = "{'descr': '<f8', 'fortran_order': False, 'shape': (20, 3), }";
  dictionary.resize(117, ' ');
  dictionary += '\n';
  const std::string array = std::string("\x93NUMPY\x01\0", 8) +
                            static_cast<char>(dictionary.size()) + '\0' + dictionary + numbers;
  int taken = 0;
  for (int k = 0; k < 1000; ++k) {
    const std::string name = std::to_string(k) + (k % 2 == 0 ? ".npy" : ".csv");
    scratch.write(name, damaged(k % 2 == 0 ? array : table, draws));
    try {
      const RowMatrix matrix = read_data_file(scratch / name);
      scratch.write(
          name + "." + std::to_string(matrix.rows()) + "." + std::to_string(matrix.cols()),
          {reinterpret_cast<const char*>(matrix.data()),
           static_cast<std::size_t>(matrix.size()) * sizeof(double)});
      ++taken;
    } catch (const DataFileError&) {
    }
  }
  CHECK(taken > 20);
  CHECK(taken < 1000);
  const Finished checked = python(R"(
import glob, numpy, pathlib
for name in glob.glob('*.*.*.*'):
    number, kind, rows, columns = name.split('.')
    got = numpy.fromfile(name).reshape(int(rows), int(columns))
    if kind == 'npy':
        of = numpy.load(number + '.npy', allow_pickle=False).reshape(got.shape)
    else:
        lines = pathlib.Path(number + '.csv').read_text().strip('\n').split('\n')
        lines = [line.split(',') for line in lines]
        of = numpy.array([[float(field) for field in line] for line in lines[-int(rows):]])
        # What was left out is one line at the most, and holds no number.
        for line in lines[:-int(rows)]:
            if len(lines) != int(rows) + 1 or any(f.strip()[:1].isdigit() for f in line): print(name)
    if not numpy.array_equal(got, of): print(name, got, of)
)",
                                  scratch.path);
  CHECK(checked.err + checked.out == "");
}
