#include "core/page/plot/xy_plot.h"

#include <algorithm>
#include <cmath>

namespace peftlab::page {
namespace {

struct Box {
  double left, top, right, bottom;
  bool meets(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

bool is_shown(At at) { return std::isfinite(at.x) && std::isfinite(at.y); }

class Drawing {
 public:
  static constexpr double kHeight = 250;

  explicit Drawing(const XyPlot& plot) : plot_(plot) {
    std::vector<double> xs, ys = plot.also_over;
    const auto take = [&](At at) {
      if (!is_shown(at)) return;
      xs.push_back(at.x);
      ys.push_back(at.y);
    };
    for (const auto& one : plot.lines) std::for_each(one.points.begin(), one.points.end(), take);
    for (const auto& point : plot.points) {
      take(point.at);
      if (!point.y_interval) continue;
      ys.push_back(point.y_interval->first);
      ys.push_back(point.y_interval->second);
    }
    x_ = axis_over(xs, plot.x_scale, /*most_ticks=*/4);
    y_ = axis_over(ys, plot.y_scale, /*most_ticks=*/6);
  }

  Html operator()() {
    Html drawing = axes();
    if (!plot_.front.empty()) drawing += steps();
    for (const auto& one : plot_.lines) drawing += curve(one);
    for (const auto& point : plot_.points) drawing += dot(point);
    for (const auto& point : plot_.points) drawing += name(point);
    return drawing;
  }

 private:
  static constexpr double kLeft = 50, kRight = 12, kTop = 22, kBottom = 40, kLetterHeight = 11;

  At place(At at) const {
    return {kLeft + x_.share(at.x) * (kPlotWidth - kLeft - kRight),
            kHeight - kBottom - y_.share(at.y) * (kHeight - kTop - kBottom)};
  }

  Html axes() const {
    Html drawing;
    const double right = kPlotWidth - kRight, bottom = kHeight - kBottom;
    for (const double tick : y_.ticks) {
      const double y = place({x_.low, tick}).y;
      drawing += line({kLeft, y}, {right, y}, "grid") + label({kLeft - 5, y + 4}, plot_.y_label(tick), "end", "soft");
    }
    for (const double tick : x_.ticks) {
      const double x = place({tick, y_.low}).x;
      drawing += line({x, bottom}, {x, bottom + 4}, "frame");
      drawing += label({x, bottom + 16}, plot_.x_label(tick), x > right - 14 ? "end" : "middle", "soft");
    }
    drawing += line({kLeft, bottom}, {right, bottom}, "frame");
    drawing += label({(kLeft + right) / 2, kHeight - 6}, plot_.x_heading, "middle");
    return drawing + label({2, 11}, plot_.y_heading);
  }

  Html curve(const XyLine& one) const {
    std::string commands;
    bool open = false;
    for (const auto& point : one.points) {
      if (!is_shown(point)) {
        open = false;
        continue;
      }
      const auto at = place(point);
      commands += (open ? "L" : "M") + coordinate(at.x) + " " + coordinate(at.y);
      open = true;
    }
    if (commands.empty()) return {};
    return titled(one.label, path(commands, {{"class", "series " + hue(one.series)},
                                             {"stroke", "currentColor"},
                                             {"stroke-dasharray", dashes(one.series)}}));
  }

  Html steps() const {
    std::string commands;
    double height = 0;
    for (const auto& point : plot_.front) {
      const auto at = place(point);
      if (!commands.empty()) commands += "L" + coordinate(at.x) + " " + coordinate(height);
      commands += (commands.empty() ? "M" : "L") + coordinate(at.x) + " " + coordinate(at.y);
      height = at.y;
    }
    commands += "L" + coordinate(kPlotWidth - kRight) + " " + coordinate(height);
    return path(commands, {{"class", "front"}});
  }

  Html dot(const XyPoint& point) {
    if (!is_shown(point.at)) return {};
    const auto at = place(point.at);
    taken_.push_back({at.x - 5, at.y - 5, at.x + 5, at.y + 5});
    Html drawing;
    if (point.y_interval) {
      const double low = place({point.at.x, point.y_interval->first}).y,
                   high = place({point.at.x, point.y_interval->second}).y;
      taken_.push_back({at.x - 2, high, at.x + 2, low});
      drawing += path("M" + coordinate(at.x) + " " + coordinate(low) + "V" + coordinate(high),
                      {{"class", "series " + hue(point.series)}, {"stroke", "currentColor"}});
    }
    return titled(point.label + ": " + plot_.x_label(point.at.x) + ", " + plot_.y_label(point.at.y),
                  drawing + marker(at, point.series));
  }

  /// The label on the first side on which it meets nothing; left out where there is none: the legend has it.
  Html name(const XyPoint& point) {
    if (!is_shown(point.at)) return {};
    const std::string text = fitted(point.label, 110);
    const double width = text_width(text);
    for (const auto& [where, anchor] : sides(point)) {
      const double left = anchor[0] == 's' ? where.x : anchor[0] == 'e' ? where.x - width : where.x - width / 2;
      const Box box{left, where.y - kLetterHeight, left + width, where.y + 2};
      if (box.left < kLeft || box.right > kPlotWidth || box.top < kTop - 9 || box.bottom > kHeight - kBottom) continue;
      if (std::any_of(taken_.begin(), taken_.end(), [&](const Box& other) { return box.meets(other); })) continue;
      taken_.push_back(box);
      return label(where, text, anchor, "halo");
    }
    return {};
  }

  /// Right, left, above and below of a point and its interval.
  std::vector<std::pair<At, const char*>> sides(const XyPoint& point) const {
    const auto at = place(point.at);
    double low = at.y, high = at.y;
    if (point.y_interval) {
      low = place({point.at.x, point.y_interval->first}).y;
      high = place({point.at.x, point.y_interval->second}).y;
    }
    return {{{at.x + 8, at.y + 4}, "start"},
            {{at.x - 8, at.y + 4}, "end"},
            {{at.x, std::min(high - 4, at.y - 8)}, "middle"},
            {{at.x, std::max(low + 12, at.y + 16)}, "middle"}};
  }

  const XyPlot& plot_;
  Axis x_, y_;
  std::vector<Box> taken_;
};

}  // namespace

Html drawn(const XyPlot& plot) {
  return drawn(Figure{plot.title, plot.description, Drawing::kHeight, Drawing(plot)(), plot.numbers});
}

}  // namespace peftlab::page
