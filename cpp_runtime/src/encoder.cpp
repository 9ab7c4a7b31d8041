#include "encoder.h"

#include "integer_attention.h"
#include "ngrams.h"

namespace slu {
namespace {

// Vector loads and stores reach up to this many elements past the end of a row.
constexpr size_t kSlack = kLanes;
// Tokens that go through the linear layers together, so that what lies between these is small whatever the length of a
// text: a token's sums do not depend on those beside it.
constexpr size_t kBlock = 64;

}  // namespace

Encoder::Encoder(const slu_model &model, const Engine &engine, Arena *arena)
    : model_(model), kernels_(engine), floats_(*engine.floats) {
  const slu_info &info = model.info;
  const uint64_t tokens = info.max_tokens, columns = round_up(info.max_tokens, kLanes);  // see Arena
  const size_t hidden = model.hidden_padded, inner = size_t{info.heads} * info.head_size;
  const size_t wide = round_up(info.intermediate_size, kLanes), tags = model.slot.out_padded;
  // A token's output of the attention takes the place of its queries, with a vector of slack; see Attention.
  const size_t inner_padded = round_up(inner, kLanes);
  qkv_stride_ = round_up(inner < kSlack / 2 ? inner + kSlack : 3 * inner, kLanes);
  wide_stride_ = wide;
  bool float_inner = false;
  for (uint32_t i = 0; model.layers && i < info.layers; ++i)
    float_inner |= !(model.layers[i].up.quantised() && model.layers[i].down.quantised());
  int8_stride_ = hidden > inner_padded ? hidden : inner_padded;
  if (float_inner && wide > int8_stride_) int8_stride_ = wide;
  const uint64_t block = tokens < kBlock ? tokens : kBlock;
  hidden_ = arena->take<float>(tokens * hidden);
  update_ = arena->take<float>((model.ngrams.rows ? tokens : block) * hidden);
  qkv_ = arena->take<float>(tokens * qkv_stride_ + kSlack);
  keys_ =
      arena->take<float>((info.head_size < 3 ? 3 : info.head_size) * columns);  // or INT8 ones and their sums
  scores_ = arena->take<float>((model.integer_scores() ? kScoreRows : 4) * columns);
  quantised_ = arena->take<int8_t>(block * int8_stride_ + kSlack);
  wide_ = arena->take<int8_t>(block * wide_stride_ + kSlack);
  arranged_ =
      arena->take<int8_t>((block + 7) / 8 * 8 * round_up(wide > int8_stride_ ? wide : int8_stride_, 8));
  wide_float_ = float_inner ? arena->take<float>(block * wide_stride_) : nullptr;
  pooled_ = arena->take<float>(hidden);
  tag_rows_ = arena->take<float>(tokens * tags);
  intents_ = arena->take<float>(model.intent.out_padded);
  slots_ = arena->take<float>(tokens * model.tag_count);
  if (!model.ngrams.rows) return;
  ngram_rows_ = arena->take<uint32_t>(tokens);
  ngram_values_ = arena->take<float>(tokens * model.ngrams.width);
}

Input Encoder::input_of(const Linear &linear, const float *x, size_t stride, size_t rows) {
  if (!linear.quantised()) return {x, stride, rows, arranged_};
  floats_.quantise(x, stride, rows, linear.in_padded, linear.input_inverse, kernels_.input_offset, quantised_,
                   int8_stride_);
  return {quantised_, int8_stride_, rows, arranged_};
}

void Encoder::linear(const Linear &linear, const float *x, size_t stride, size_t rows, float *y,
                     size_t y_stride) {
  for (size_t row = 0; row < rows; row += kBlock) {
    const Input input = input_of(linear, x + row * stride, stride, rows - row < kBlock ? rows - row : kBlock);
    (linear.quantised() ? kernels_.linear : floats_.linear)(linear, input, y + row * y_stride, y_stride);
  }
}

void Encoder::run(const int32_t *ids, const uint64_t *flags, uint32_t count) {
  floats_.embed(model_, ids, flags, ngrams(ids, count), count, hidden_);
  if (observer) observer(observer_data, 0, hidden_);
  for (uint32_t i = 0; i < model_.info.layers; ++i) {
    // Of the last layer a head that reads the whole text takes [CLS] alone.
    const bool whole = i + 1 == model_.info.layers && !model_.tag_count && !observer;
    layer(model_.layers[i], count, whole ? 1 : count);
    if (observer) observer(observer_data, i + 1, hidden_);
  }
  heads(count);
}

const float *Encoder::ngrams(const int32_t *ids, uint32_t count) {
  const Ngrams &ngrams = model_.ngrams;
  if (!ngrams.rows) return nullptr;
  ngram_rows(model_, ids, count, ngram_rows_);
  for (uint32_t t = 0; t < count; ++t)
    ngram_values(ngrams, ngram_rows_[t], ngram_values_ + size_t{t} * ngrams.width);
  linear(ngrams.projection, ngram_values_, ngrams.width, count, update_, model_.hidden_padded);
  return update_;
}

void Encoder::layer(const Layer &layer, uint32_t count, uint32_t wanted) {
  const slu_info &info = model_.info;
  const size_t hidden = model_.hidden_padded;
  linear(layer.qkv, hidden_, hidden, count, qkv_, qkv_stride_);
  const Attention attention{info.heads,  info.head_size, count,       wanted, qkv_,
                            qkv_stride_, qkv_,           qkv_stride_, keys_,  scores_};
  if (model_.integer_scores()) {
    auto *keys = reinterpret_cast<int8_t *>(keys_);
    const size_t key_bytes = round_up(count, kLanes) * round_up(info.head_size, 2 * kGroup);
    integer_attention(kernels_, attention, layer.scores,
                      {quantised_, keys, reinterpret_cast<int32_t *>(keys + key_bytes), arranged_});
  } else {
    floats_.attention(attention);
  }
  for (size_t row = 0; row < wanted; row += kBlock)
    finish(layer, qkv_ + row * qkv_stride_, hidden_ + row * hidden,
           wanted - row < kBlock ? wanted - row : kBlock);
}

void Encoder::finish(const Layer &layer, const float *attended, float *x, size_t count) {
  const slu_info &info = model_.info;
  const size_t hidden = model_.hidden_padded;
  linear(layer.attention_out, attended, qkv_stride_, count, update_, hidden);
  floats_.add_norm(x, update_, count, info.hidden_size, layer.attention_norm, model_.epsilon);
  if (layer.up.quantised() && layer.down.quantised()) {
    kernels_.linear_gelu_quantise(layer.up, input_of(layer.up, x, hidden, count), layer.down.input_inverse,
                                  wide_, wide_stride_);
    kernels_.linear(layer.down, {wide_, wide_stride_, count, arranged_}, update_, hidden);
  } else {
    linear(layer.up, x, hidden, count, wide_float_, wide_stride_);
    floats_.gelu(wide_float_, count * wide_stride_);
    linear(layer.down, wide_float_, wide_stride_, count, update_, hidden);
  }
  floats_.add_norm(x, update_, count, info.hidden_size, layer.down_norm, model_.epsilon);
}

void Encoder::heads(uint32_t count) {
  const size_t hidden = model_.hidden_padded, tags = model_.slot.out_padded;
  if (tags) linear(model_.slot, hidden_, hidden, count, tag_rows_, tags);
  for (uint32_t t = 0; tags && t < count; ++t)
    copy_bytes(slots_ + size_t{t} * model_.tag_count, tag_rows_ + t * tags, model_.tag_count * sizeof(float));
  if (model_.answers_spans()) return;
  // The pooler reads [CLS] only.
  linear(model_.pooler, hidden_, hidden, 1, pooled_, hidden);
  floats_.tanh(pooled_, hidden);
  linear(model_.intent, pooled_, hidden, 1, intents_, model_.intent.out_padded);
}

}  // namespace slu
