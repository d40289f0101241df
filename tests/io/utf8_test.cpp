#include "io/utf8.hpp"

#include "io/toml_document.hpp"
#include "tests/catch.hpp"

using namespace gradflow;

TEST_CASE("Characters are read as Unicode has them, and nothing else is taken for one") {
  const auto is = [](const std::string& text, char32_t code) {
    const Utf8Character c = first_character(text + "x");
    return c.code == code && c.bytes == text.size();
  };
  CHECK(is("a", U'a'));
  CHECK(is("\xc2\x80", 0x80));
  CHECK(is("\xdf\xbf", 0x7ff));
  CHECK(is("\xe0\xa0\x80", 0x800));
  CHECK(is("\xef\xbf\xbf", 0xffff));
  CHECK(is("\xf0\x90\x80\x80", 0x10000));
  CHECK(is("\xf4\x8f\xbf\xbf", 0x10ffff));
  for (const std::string bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff", "\xc2", "\xe2\x82",
        "\xf0\x9f\x92", "\xe2x\x82"})
    CHECK(first_character(bad).bytes == 0);
}

TEST_CASE("What a terminal would obey becomes blanks in a message") {
  // C0, DEL, C1 (of which U+009B begins a command), separators of lines, direction.
  const std::string controls[] = {"\x1b",         "\x7f",         "\xc2\x80",     "\xc2\x9b",
                                  "\xc2\x9f",     "\xe2\x80\xa8", "\xe2\x80\xa9", "\xd8\x9c",
                                  "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xaa", "\xe2\x80\xae",
                                  "\xe2\x81\xa6", "\xe2\x81\xa9", "\n",           "\r"};
  for (const std::string& control : controls) CHECK(printable("a" + control + "b") == "a b");
  for (const std::string text : {"λ → 0", "naïve", "שלום", "\xc2\xa0", "日本"})
    CHECK(printable(text) == text);
  CHECK(printable("a\xff\x9b") == "a\xef\xbf\xbd\xef\xbf\xbd");
  CHECK(valid_utf8("a\n\xc2\x9b\xff") == "a\n\xc2\x9b\xef\xbf\xbd");
}

TEST_CASE("Texts with such characters are written as TOML that reads back to the same") {
  const std::string text = "a\x01\x1b\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\t\n\"\\λ";
  const std::string written = toml_text(text);
  CHECK(written == "\"a\\u0001\\u001B\\u007F\\u009B\\u202E\\u2066\\t\\n\\\"\\\\λ\"");
  const TomlValue document = parse_toml("x = " + written, "test");
  CHECK(std::get<std::string>(document.table()->front().value.value) == text);
}
