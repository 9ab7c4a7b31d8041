#include "label_decoder.h"

#include "exponential.h"

namespace slu {
namespace {

constexpr double kNever = -1e30;  // logarithm of no weight at all, in sums that must stay finite

// ln(1 + y) for y in 0..1: 2 artanh(y / (2 + y)).
double logarithm_of_more(double y) {
  const double s = y / (2 + y), q = s * s;
  double series = 0;
  for (int k = 35; k > 0; k -= 2) series = series * q + 1.0 / k;
  return 2 * s * series;
}

// ln(e^a + e^b)
double add_logs(double a, double b) {
  return a > b ? a + logarithm_of_more(exponential(b - a)) : b + logarithm_of_more(exponential(a - b));
}

}  // namespace

LabelDecoder::LabelDecoder(const slu_model &model, Arena *arena)
    : model_(model),
      count_(model.answers_labels() ? model.info.intent_count : 0),
      nodes_(arena->take<Node>(count_ ? count_ + 1 : 0)) {}

// From the last label, as the labels above it come before it.
void LabelDecoder::sum_up(const float *logits) {
  for (uint32_t i = 0; i <= count_; ++i) nodes_[i] = {0, 0, kNever, 0, 0, 0, kNever, 0, 0, false};
  for (uint32_t i = count_;; --i) {
    Node &node = nodes_[i];
    const uint8_t rule = model_.info.label_rules[i];
    if (node.place) {
      node.inner = rule & SLU_LABELS_OPTIONAL ? add_logs(0, node.some) : node.some;
      const bool least = rule & SLU_LABELS_OPTIONAL ? node.top < 0 : false;
      if (!(rule & SLU_LABELS_SEVERAL)) {
        node.total = least ? 0 : node.top;
      } else if (!(rule & SLU_LABELS_OPTIONAL) && !(node.top > 0)) {
        node.total = node.top;
      }
    }
    if (!i) return;
    const auto above = static_cast<uint32_t>(model_.info.label_parents[i - 1] + 1);
    Node &parent = nodes_[above];
    const auto logit = static_cast<double>(logits[i - 1]);
    node.weight = logit + node.inner;
    const double with_it = add_logs(0, node.weight);
    parent.free += with_it;
    if (model_.info.label_rules[above] & SLU_LABELS_SEVERAL) parent.some += with_it;
    parent.some = add_logs(parent.some, node.weight);
    node.value = logit + node.total;
    if (node.value > 0) parent.total += node.value;
    if (!parent.place || node.value >= parent.top) {  // the later of them has the lower number
      parent.top = node.value;
      parent.place = i;
    }
  }
}

float LabelDecoder::run(const float *logits, slu_label *labels, uint32_t *count) {
  sum_up(logits);
  nodes_[0].chosen = true;
  nodes_[0].share = 1;
  double sum = 0;
  *count = 0;
  for (uint32_t i = 1; i <= count_; ++i) {
    Node &node = nodes_[i];
    const auto above = static_cast<uint32_t>(model_.info.label_parents[i - 1] + 1);
    const Node &parent = nodes_[above];
    const bool optional = model_.info.label_rules[above] & SLU_LABELS_OPTIONAL,
               several = model_.info.label_rules[above] & SLU_LABELS_SEVERAL;
    const bool positive = node.value > 0, is_top = parent.place == i;
    const bool taken = several ? positive || (is_top && !optional) : is_top && (positive || !optional);
    // Among any selections by itself; where one label is needed, among those that are not empty.
    const double share = several ? node.weight - add_logs(0, node.weight) + parent.free - parent.inner
                                 : node.weight - parent.inner;
    node.share = parent.share * exponential(share < 0 ? share : 0);
    node.chosen = parent.chosen && taken;
    if (!node.chosen) continue;
    sum += static_cast<double>(logits[i - 1]);
    labels[(*count)++] = {model_.info.intents[i - 1], i - 1, static_cast<float>(node.share)};
  }
  const double score = sum - nodes_[0].inner;
  return static_cast<float>(exponential(score < 0 ? score : 0));
}

}  // namespace slu
