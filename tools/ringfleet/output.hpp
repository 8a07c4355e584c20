#pragma once

// How the CLI prints: aligned tables for people, one JSON value for programs, colours only on a terminal. Nothing here
// knows a fleet.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringfleet::cli {

enum class Style { plain, bold, dim, good, bad, warning };

// Is it a terminal that takes colours? NO_COLOR and TERM=dumb are respected.
[[nodiscard]] bool colours_on(int descriptor);

// `text` in the escape codes of `style`, or as it is.
[[nodiscard]] std::string paint(std::string_view text, Style style, bool colours);

// Columns of text, as wide as their widest cell; numbers to the right. The last column is not padded.
class Table {
public:
  enum class Align { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  struct Cell {
    Cell(std::string words, Style looks = Style::plain) : text(std::move(words)), style(looks) {}
    Cell(const char* words) : text(words) {}
    Cell() = default;
    std::string text;
    Style style = Style::plain;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void add(std::vector<Cell> cells);
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  // The title row (none when every title is empty) and the rows, each line ending with '\n'.
  [[nodiscard]] std::string text(bool colours, std::string_view indent = {}) const;

private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

// Columns on a terminal that `text` takes; UTF-8 continuation bytes take none.
[[nodiscard]] std::size_t width_of(std::string_view text) noexcept;

// "1,234,567"
[[nodiscard]] std::string grouped(std::uint64_t number);
// Three significant digits in the unit that suits, as everywhere in ringfleet: "850ns", "12.3us", "1.5s".
[[nodiscard]] std::string duration_text(std::uint64_t ns);

// Control characters as \n, \t, \x1b …, so that a line stays a line and a terminal stays as it is.
[[nodiscard]] std::string one_line(std::string_view text);

// Is it text that JSON can carry as a string?
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;
[[nodiscard]] std::string base64(std::string_view bytes);

// Writes everything to standard output; a closed pipe or a full disk is a Failure.
void print(std::string_view text);
// To standard error. What cannot be written there has nobody left to be told; the exit code says it all the same.
void print_error(std::string_view text) noexcept;

} // namespace ringfleet::cli
