#include "core/report/progress_line.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/report/human.h"
#include "core/report/terminal.h"

namespace peftlab::report {

namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(100);
constexpr auto kPipedInterval = std::chrono::seconds(5);
constexpr const char* kClearLine = "\r\x1b[K";

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text;
}

void write_out(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

ProgressLine::ProgressLine(bool quiet) : quiet_(quiet), terminal_(is_terminal(STDERR_FILENO)) {}

ProgressLine::~ProgressLine() { end(); }

void ProgressLine::begin(const std::string& title, int64_t total) {
  end();
  title_ = one_line(title);
  details_.clear();
  total_ = total;
  done_ = 0;
  first_done_ = -1;
  begun_ = shown_ = Clock::now();
  open_ = true;
  if (terminal_) show(/*last=*/false);
}

void ProgressLine::update(int64_t done, const std::string& details) {
  if (!open_) return;
  const auto now = Clock::now();
  if (first_done_ < 0) {
    first_done_ = done;
    first_at_ = now;
  }
  done_ = done;
  details_ = one_line(details);
  const bool due = terminal_ ? now - shown_ >= kTerminalInterval : now - shown_ >= kPipedInterval;
  if (due) show(/*last=*/false);
}

void ProgressLine::note(const std::string& text) {
  if (quiet_) return;
  const bool rewritten = terminal_ && open_;
  write_out((rewritten ? kClearLine : "") + text + "\n");
  if (rewritten) show(/*last=*/false);
}

void ProgressLine::end() {
  if (!open_) return;
  show(/*last=*/true);
  open_ = false;
}

std::string ProgressLine::text(bool last) const {
  std::string head = title_, tail;
  if (total_ > 0)
    head += "  " + human_count(done_) + "/" + human_count(total_);
  else if (done_ > 0)
    head += "  " + human_count(done_);
  const auto now = Clock::now();
  if (last) {
    tail = "  in " + human_seconds(std::chrono::duration<double>(now - begun_).count());
  } else if (first_done_ >= 0 && done_ > first_done_ && total_ >= done_) {
    // From the first update on: a resumed run begins with steps that took no time here.
    const double per_item =
        std::chrono::duration<double>(now - first_at_).count() / static_cast<double>(done_ - first_done_);
    tail = "  " + human_seconds(per_item * static_cast<double>(total_ - done_)) + " left";
  }
  const std::string details = details_.empty() ? "" : "  " + details_;
  if (!terminal_) return head + details + tail;
  // The last column stays free: some terminals wrap as soon as it is filled.
  const int width = std::max(terminal_width(STDERR_FILENO) - 1, 1);
  const int room = std::max(width - display_width(head) - display_width(tail), 0);
  return cut_to_width(head + cut_to_width(details, room) + tail, width);
}

void ProgressLine::show(bool last) {
  shown_ = Clock::now();
  if (quiet_) return;
  if (terminal_)
    write_out(kClearLine + text(last) + (last ? "\n" : ""));
  else
    write_out(text(last) + "\n");
}

}  // namespace peftlab::report
