#include "io/toml_document.hpp"

#include "tests/catch.hpp"

using namespace gradflow;

namespace {

std::string error_of(const std::string& text) {
  try {
    parse_toml(text, "c.toml");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string repeated(const std::string& piece, int count) {
  std::string out;
  for (int k = 0; k < count; ++k) out += piece;
  return out;
}

}  // namespace

TEST_CASE("Nesting beyond any config's is refused before the parser follows it") {
  // Each of these ended the process by a stack overflow.
  const std::string many = "not valid TOML: a key of more than 16 parts";
  CHECK(error_of(repeated("a.", 100000) + "a = 1\n") == "c.toml:1:32: " + many);
  CHECK(error_of("[" + repeated("a.", 100000) + "a]\n") == "c.toml:1:33: " + many);
  CHECK(error_of("[[" + repeated("a . ", 100000) + "a]]\n") == "c.toml:1:65: " + many);
  CHECK(error_of("[study]\n" + repeated("\"a\".", 100000) + "a = [1]\n") == "c.toml:2:64: " + many);
  CHECK(error_of("x = { " + repeated("a.", 100000) + "a = 1 }\n") == "c.toml:1:38: " + many);
  const std::string deep =
      "not valid TOML: lists and tables within one another to more than 16 levels";
  CHECK(error_of("x = " + repeated("[", 100000)) == "c.toml:1:21: " + deep);
  CHECK(error_of("x = [\n" + repeated("[\n", 100000)) == "c.toml:17:1: " + deep);
  CHECK(error_of("x = " + repeated("{ a = ", 100000)) == "c.toml:1:101: " + deep);
  CHECK(error_of("x = " + repeated("[ { a = ", 100000)) == "c.toml:1:69: " + deep);
}

TEST_CASE("What looks like nesting in texts and comments is none, and headers do not add up") {
  for (const std::string quotes : {"\"", "'", "\"\"\"", "'''"})
    CHECK(error_of("x = " + quotes + repeated("[{.", 100) + quotes + "\n").empty());
  CHECK(error_of("# " + repeated("[{.", 100) + "\nx = 1\n").empty());
  CHECK(error_of("x = \"\\\"" + repeated("[{.", 100) + "\"\n").empty());
  CHECK(error_of("x = '''a''b" + repeated("[{.", 100) + "'''\n").empty());
  std::string quoted;
  for (int k = 0; k < 100; ++k)
    quoted += "a" + std::to_string(k) + " = ['''a'''', \"\"\"b\"\"\"\"\", 1]\n";
  CHECK(error_of(quoted).empty());
  CHECK(error_of("x = \"\"\ny = ''\nz = [" + repeated("[1], ", 100) + "]\n").empty());
  CHECK(error_of("x = [" + repeated("1.5, ", 1000) + "]\n").empty());
  std::string headers;
  for (int k = 0; k < 1000; ++k)
    headers += "[a" + std::to_string(k) + ".b.c]\n  [[d" + std::to_string(k) + "]]\n";
  CHECK(error_of(headers).empty());
  CHECK(error_of(repeated("a.", 15) + "a = 1\n").empty());
  CHECK(error_of("x = " + repeated("[", 16) + repeated("]", 16) + "\n").empty());
}

TEST_CASE("Outside of quotes and comments a document is ASCII, and all of it is UTF-8") {
  CHECK(error_of("x = 1\nλ = 1\n") ==
        "c.toml:2:2: not valid TOML: the character \"λ\" stands outside of quotes and comments");
  CHECK(error_of("x = “1”\n").find("c.toml:1:6: ") == 0);
  CHECK(error_of("a\xf0\xb0\x80\x80 = 1\n").find("outside of quotes") != std::string::npos);
  CHECK(error_of("x\xc2\xa0= 1\n").find("\"\xc2\xa0\"") != std::string::npos);
  CHECK(error_of("\"λ\" = 'λ' # λ\n").empty());
  CHECK(error_of("\xef\xbb\xbfx = 1\n").empty());
  for (const std::string place : {"x\xff = 1\n", "x = \"\xff\"\n", "x = '\xed\xa0\x80'\n",
                                  "# \xc0\x80\n", "x = '''\xf4\x90\x80\x80'''\n"}) {
    INFO(place);
    CHECK(error_of(place).find("not valid TOML: bytes that are not UTF-8") != std::string::npos);
  }
  // Where the parser's tables were asked for such characters all the same: behind an error, and
  // where a long text goes on after the end of a line.
  CHECK(error_of("x = -inf1[[\"\"λ\"\"\n").find("not valid TOML") != std::string::npos);
  CHECK(error_of("x = 1\"\" \"λ\"\n").find("not valid TOML") != std::string::npos);
  CHECK(error_of("x = \"\"\"a\\\n  λ\"\"\"\n").empty());
  CHECK(error_of("x = \"\"\"\\λ\"\"\"\n").find("not valid TOML") != std::string::npos);
  // Positions count characters, not bytes.
  CHECK(error_of("x = 'λλλ' λ\n").find("c.toml:1:12: ") == 0);
}

TEST_CASE("What the parser asserts is an error with a position in any build") {
  CHECK(error_of("[.a]\n").find("c.toml:1:2: not valid TOML") == 0);
  CHECK(error_of("[[ =]]\n").find("c.toml:1:4: not valid TOML") == 0);
  CHECK(error_of("x = 2020-01-01Tx\n").find("c.toml:1:5: not valid TOML") == 0);
}

TEST_CASE("A name of a million letters has no suggestion, and is shown in short") {
  const std::string name(1000000, 'x');
  CHECK(nearest_name(name, {"samples", "dimension"}).empty());
  CHECK(nearest_name("sampels", {"dimension", "samples"}) == "samples");
  CHECK(nearest_name("tahn", {"sin", "tan", "tanh", "atan"}) == "tanh");
  CHECK(nearest_name("e", {"x", "pi"}).empty());
}
