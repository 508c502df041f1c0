#include "core/kernels/attention_tree.h"

#include <torch/types.h>
#include <torch/utils.h>

#include "core/kernels/attention_checks.h"

namespace peftlab::kernels {

namespace {

loops::KeyPath path_of(const Layout& layout, const Segment& segment, int64_t num_context) {
  loops::KeyPath path;
  if (num_context > 0) path.ranges.push_back({/*context=*/true, 0, num_context});
  for (const Segment& above : ancestors(layout, segment)) {
    if (above.size() > 0) path.ranges.push_back({/*context=*/false, above.begin, above.size()});
  }
  for (const auto& range : path.ranges) path.above += range.count;
  path.ranges.push_back({/*context=*/false, segment.begin, segment.size()});
  path.parent = segment.parent;
  path.begin = segment.begin;
  return path;
}

/// Fills in, for each row of the path's own segment, the place of the first key within the window.
void find_first_seen(const Layout& layout, const loops::KeyPath& path, int64_t window, std::vector<int64_t>& first_seen) {
  const int64_t* rows = layout.positions.const_data_ptr<int64_t>();
  const int64_t* context = path.ranges.front().context ? layout.context_positions.const_data_ptr<int64_t>() : nullptr;
  std::vector<int64_t> keys;
  for (const auto& range : path.ranges) {
    const int64_t* from = (range.context ? context : rows) + range.row;
    keys.insert(keys.end(), from, from + range.count);
  }
  for (size_t i = 1; i < keys.size(); ++i) {
    TORCH_CHECK(keys[i - 1] <= keys[i], "attention: positions go back from ", keys[i - 1], " to ", keys[i], " on a path");
  }
  int64_t place = 0;
  for (int64_t i = path.above; i < path.length(); ++i) {
    while (keys[place] <= keys[i] - window) ++place;
    first_seen[path.begin + i - path.above] = place;
  }
}

}  // namespace

loops::AttentionPlan plan_of(const Layout& layout, const loops::AttentionShape& shape, int64_t num_context,
                             const AttentionOptions& options) {
  loops::AttentionPlan plan;
  plan.shape = shape;
  plan.rule = {static_cast<float>(options.scale), static_cast<float>(options.softcap)};
  plan.num_rows = layout.positions.numel();
  plan.num_context = num_context;
  plan.first_seen.assign(plan.num_rows, 0);
  Layout flat{layout.segments, layout.positions.contiguous(),
              num_context > 0 ? layout.context_positions.contiguous() : layout.context_positions};
  for (const Segment& segment : flat.segments) {
    plan.paths.push_back(path_of(flat, segment, num_context));
    if (options.window > 0 && segment.size() > 0) {
      find_first_seen(flat, plan.paths.back(), options.window, plan.first_seen);
    }
    loops::add_blocks(plan, static_cast<int64_t>(plan.paths.size()) - 1);
  }
  return plan;
}

}  // namespace peftlab::kernels
