#include "core/study/live_view.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/report/terminal.h"

namespace peftlab::study {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(250);
constexpr auto kPipedInterval = std::chrono::seconds(10);

void write_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

std::string one_line(std::string text) {
  for (char& c : text) c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  return text;
}

}  // namespace

LiveView::LiveView(bool quiet) : quiet_(quiet), terminal_(report::is_terminal(STDERR_FILENO)) {}

LiveView::~LiveView() { end(); }

void LiveView::note(const std::string& text) {
  if (quiet_) return;
  clear();
  write_out(one_line(text) + "\n");
  draw();
}

void LiveView::show(const std::vector<std::string>& lines, const std::string& summary) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (now - shown_ < (terminal_ ? Clock::duration(kTerminalInterval) : Clock::duration(kPipedInterval))) return;
  shown_ = now;
  lines_ = lines;
  lines_.push_back(summary);
  if (terminal_) {
    clear();
    draw();
    return;
  }
  for (const auto& line : lines) {
    if (std::find(printed_.begin(), printed_.end(), line) == printed_.end()) write_out(one_line(line) + "\n");
  }
  printed_ = lines;
}

void LiveView::end() {
  clear();
  lines_.clear();
}

void LiveView::clear() {
  if (num_drawn_ == 0) return;
  // Up to the first of the rewritten lines, and away with all that is below.
  write_out("\x1b[" + std::to_string(num_drawn_) + "A\r\x1b[J");
  num_drawn_ = 0;
}

void LiveView::draw() {
  if (!terminal_) return;
  const int width = std::max(report::terminal_width(STDERR_FILENO) - 1, 1);
  for (const auto& line : lines_) write_out(report::cut_to_width(one_line(line), width) + "\n");
  num_drawn_ = lines_.size();
}

}  // namespace peftlab::study
