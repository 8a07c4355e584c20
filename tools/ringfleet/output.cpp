#include "output.hpp"

#include "exit_code.hpp"

#include "ringfleet/base/units.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <unistd.h>

namespace ringfleet::cli {
namespace {

// False, with errno, when not all of it can be written.
bool write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const auto written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) {
      return false;
    }
    text.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
  }
  return true;
}

bool is_continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

} // namespace

bool colours_on(int descriptor) {
  const char* terminal = std::getenv("TERM");
  return isatty(descriptor) == 1 && std::getenv("NO_COLOR") == nullptr && terminal != nullptr &&
         std::string_view(terminal) != "dumb";
}

std::string paint(std::string_view text, Style style, bool colours) {
  if (!colours || style == Style::plain) {
    return std::string(text);
  }
  constexpr std::array codes{"", "1", "2", "32", "31", "33"};
  return fmt::format("\x1b[{}m{}\x1b[0m", codes[static_cast<std::size_t>(style)], text);
}

std::size_t width_of(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char byte) { return !is_continuation(byte); }));
}

void Table::add(std::vector<Cell> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::text(bool colours, std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < columns_.size(); ++column) {
    std::size_t width = width_of(columns_[column].title);
    for (const auto& row : rows_) {
      width = std::max(width, width_of(row[column].text));
    }
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<Cell>& row) {
    std::size_t last = row.size();
    while (last > 0 && row[last - 1].text.empty()) {
      --last;
    }
    std::string cells(indent);
    for (std::size_t column = 0; column < last; ++column) {
      const auto& cell = row[column];
      const std::string space(widths[column] - width_of(cell.text), ' ');
      const bool right = columns_[column].align == Align::right;
      cells += column == 0 ? "" : "  ";
      cells += (right ? space : "") + paint(cell.text, cell.style, colours);
      cells += right || column + 1 == last ? "" : space;
    }
    return cells + "\n";
  };
  std::string all;
  if (std::ranges::any_of(columns_, [](const Column& column) { return !column.title.empty(); })) {
    std::vector<Cell> titles;
    for (const auto& column : columns_) {
      titles.emplace_back(column.title, Style::bold);
    }
    all += line(titles);
  }
  for (const auto& row : rows_) {
    all += line(row);
  }
  return all;
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t from_right = 3; from_right < digits.size(); from_right += 4) {
    digits.insert(digits.size() - from_right, 1, ',');
  }
  return digits;
}

std::string duration_text(std::uint64_t ns) {
  constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max();
  return format_duration(Nanoseconds(static_cast<std::int64_t>(std::min(ns, longest))));
}

std::string one_line(std::string_view text) {
  std::string line;
  for (const char byte : text) {
    if (byte == '\n') {
      line += "\\n";
    } else if (byte == '\t') {
      line += "\\t";
    } else if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) {
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    } else {
      line += byte;
    }
  }
  return line;
}

bool is_utf8(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t more = first < 0x80                     ? 0
                             : first >= 0xc2 && first <= 0xdf ? 1
                             : first >= 0xe0 && first <= 0xef ? 2
                             : first >= 0xf0 && first <= 0xf4 ? 3
                                                              : 4;
    if (more == 4 || text.size() - at <= more) {
      return false;
    }
    for (std::size_t i = 1; i <= more; ++i) {
      if (!is_continuation(text[at + i])) {
        return false;
      }
    }
    // Overlong forms, surrogates, and what lies beyond U+10FFFF.
    const auto second = more == 0 ? 0U : static_cast<unsigned>(static_cast<unsigned char>(text[at + 1]));
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return false;
    }
    at += more + 1;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto group = bytes.substr(at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8U | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      text += i <= group.size() ? digits[bits >> (18U - 6U * i) & 63U] : '=';
    }
  }
  return text;
}

void print(std::string_view text) {
  if (!write_all(STDOUT_FILENO, text)) {
    throw Failure(ExitCode::failed, "write to standard output: " + std::generic_category().message(errno) +
                                        " (it must have room, or a reader that reads to the end)");
  }
}

void print_error(std::string_view text) noexcept {
  (void)write_all(STDERR_FILENO, text);
}

} // namespace ringfleet::cli
