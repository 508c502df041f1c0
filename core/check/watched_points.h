// The points of a decoder with somebody looking on: what a method asked for and did while it was attached.
#pragma once

#include "core/plugin/decoder_points.h"

namespace peftlab::check {

/// Passes everything on and keeps count. With `refusing`, no module ever matches, as on a base that lacks the point.
class WatchedPoints final : public plugin::FilledPoints {
 public:
  /// REQUIRES: `points` outlives this.
  explicit WatchedPoints(plugin::DecoderPoints& points, bool refusing = false) : points_(points), refusing_(refusing) {}

  int64_t num_drawn() const { return num_drawn_; }      // generators asked for
  int64_t num_refused() const { return num_refused_; }  // look-ups that found nothing because of `refusing`
  /// The matrices that are kept in another way since.
  const std::vector<std::string>& stored() const { return stored_; }

  const ModelShape& shape() const override { return points_.shape(); }
  torch::ScalarType base_type() const override { return points_.base_type(); }
  torch::ScalarType trainable_type() const override { return points_.trainable_type(); }
  torch::Device device() const override { return points_.device(); }
  std::vector<int64_t> encode(const std::string& text) const override { return points_.encode(text); }
  torch::Tensor embedding_table() const override { return points_.embedding_table(); }
  std::vector<KeyValue> keys_values(const std::vector<int64_t>& ids) const override { return points_.keys_values(ids); }
  std::vector<const FrozenLinear*> weights(const Targets& targets) const override;
  std::vector<const FrozenParameter*> parameters(const Targets& targets) const override;
  void fill_virtual_tokens(std::shared_ptr<VirtualTokens> patch) override {
    points_.fill_virtual_tokens(std::move(patch));
  }
  void fill_prefix(std::shared_ptr<PrefixPatch> patch) override { points_.fill_prefix(std::move(patch)); }
  void fill_table(std::shared_ptr<TablePatch> patch) override { points_.fill_table(std::move(patch)); }
  void fill_weight(const FrozenLinear& base, std::shared_ptr<WeightPatch> patch) override {
    points_.fill_weight(base, std::move(patch));
  }
  void fill_parameter(const FrozenParameter& base, std::shared_ptr<ParameterPatch> patch) override {
    points_.fill_parameter(base, std::move(patch));
  }
  void store(const FrozenLinear& base, std::shared_ptr<const WeightStorage> storage) override;
  at::Generator generator(const std::string& name) const override;
  std::vector<plugin::FilledPoint> filled() const override { return points_.filled(); }
  void set_filler(const std::string& method, bool reads_adapter) override { points_.set_filler(method, reads_adapter); }

 private:
  void refuse_if_asked(const Targets& targets) const;

  plugin::DecoderPoints& points_;
  bool refusing_;
  std::vector<std::string> stored_;
  mutable int64_t num_drawn_ = 0, num_refused_ = 0;
};

}  // namespace peftlab::check
