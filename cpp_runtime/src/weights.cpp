#include "weights.h"

#include "ngrams.h"
#include "tensor_name.h"
#include "weight_values.h"

namespace slu {
namespace {

class Weights {
 public:
  Weights(const Gguf &gguf, slu_model *model, Message &message)
      : gguf_(gguf), model_(model), message_(message) {}
  slu_status read();

 private:
  slu_status damaged(const char *what, View name) {
    message_ << what << " " << name << "; export the model again";
    return SLU_ERROR_FORMAT;
  }
  slu_status wrong_values(View name) {
    return damaged("values that no training gives (not finite, too large, wrong sums or padding) in", name);
  }
  slu_status linear(const Name &name, uint32_t in, uint32_t out, Linear *linear);
  slu_status table(const Name &name, uint32_t rows, Table *table) {
    return this->table(name, rows, info().hidden_size, table);
  }
  slu_status table(const Name &name, uint32_t rows, uint32_t columns, Table *table);
  slu_status ngrams(Ngrams *ngrams);
  slu_status norm(const Name &name, Norm *norm);
  slu_status score_steps(const Name &name, Layer *layer);
  const float *floats(const Name &name, uint64_t count) {
    return reinterpret_cast<const float *>(gguf_.tensor(name.view(), TensorType::kFloat32, &count, 1));
  }
  const slu_info &info() const { return model_->info; }

  const Gguf &gguf_;
  slu_model *model_;
  Message &message_;
};

slu_status Weights::table(const Name &name, uint32_t rows, uint32_t columns, Table *table) {
  const uint64_t shape[] = {rows, columns};
  const Name weight = name.with(".weight"), scale = name.with(".scale");
  table->values =
      reinterpret_cast<const float *>(gguf_.tensor(weight.view(), TensorType::kFloat32, shape, 2));
  if (table->values) {
    const uint64_t count = shape[0] * shape[1];
    return floats_good(table->values, count, count) ? SLU_OK : wrong_values(weight.view());
  }
  // Rows of int8 are not looked at: every kernel makes the same of whatever is there, and most texts read few of them.
  table->quantised =
      reinterpret_cast<const int8_t *>(gguf_.tensor(weight.view(), TensorType::kInt8, shape, 2));
  table->scale = floats(scale, rows);
  if (!table->quantised || !table->scale)
    return damaged("missing or of wrong shape or type: the tensor", weight.view());
  return scales_good(table->scale, rows, rows) ? SLU_OK : wrong_values(scale.view());
}

slu_status Weights::norm(const Name &name, Norm *norm) {
  const uint64_t count = model_->hidden_padded;
  norm->weight = floats(name.with(".weight"), count);
  norm->bias = floats(name.with(".bias"), count);
  if (!norm->weight || !norm->bias)
    return damaged("missing or of wrong shape or type: the layer norm", name.view());
  const bool good = floats_good(norm->weight, count, info().hidden_size) &&
                    floats_good(norm->bias, count, info().hidden_size);
  return good ? SLU_OK : wrong_values(name.view());
}

slu_status Weights::linear(const Name &name, uint32_t in, uint32_t out, Linear *linear) {
  const Name weight = name.with(".weight");
  TensorType type;
  if (!gguf_.tensor_type(weight.view(), &type)) return damaged("missing: the tensor", weight.view());
  linear->in = in;
  linear->out = out;
  linear->out_padded = static_cast<uint32_t>(round_up(out, kLanes));
  linear->in_padded = type == TensorType::kInt8 ? static_cast<uint32_t>(round_up(in, 2 * kGroup)) : in;
  const uint64_t panels = linear->out_padded / kLanes, outputs = linear->out_padded;
  bool there, good = true;
  if (type == TensorType::kInt8) {
    const uint64_t shape[] = {panels, linear->in_padded / kGroup, kLanes, kGroup};
    linear->weight = reinterpret_cast<const int8_t *>(gguf_.tensor(weight.view(), type, shape, 4));
    linear->scale = floats(name.with(".scale"), outputs);
    linear->sums = reinterpret_cast<const int32_t *>(
        gguf_.tensor(name.with(".sums").view(), TensorType::kInt32, &outputs, 1));
    const float *input_scale = floats(name.with(".input_scale"), 1);
    there = linear->weight && linear->scale && linear->sums && input_scale;
    if (there) {
      good = scales_good(input_scale, 1, 1) && *input_scale >= kSmallestStep &&
             scales_good(linear->scale, outputs, out) && integers_good(*linear);
      linear->input_scale = *input_scale;
      linear->input_inverse = static_cast<float>(1.0 / static_cast<double>(*input_scale));
    }
  } else {
    const uint64_t shape[] = {panels, in, kLanes};
    linear->weight_float =
        reinterpret_cast<const float *>(gguf_.tensor(weight.view(), TensorType::kFloat32, shape, 3));
    there = linear->weight_float != nullptr;
    if (there) good = floats_good(linear->weight_float, outputs * in, outputs * in);
  }
  linear->bias = floats(name.with(".bias"), outputs);
  if (!there || !linear->bias) return damaged("wrong shape or type of the linear layer", name.view());
  return good && floats_good(linear->bias, outputs, out) ? SLU_OK : wrong_values(name.view());
}

slu_status Weights::score_steps(const Name &name, Layer *layer) {
  TensorType type;
  if (!model_->integer_scores() && !gguf_.tensor_type(name.view(), &type)) return SLU_OK;
  const float *steps = floats(name, 2);
  if (!model_->integer_scores() || !steps || !layer->qkv.quantised())
    return damaged("the format version or the queries do not agree with", name.view());
  // Not so small that their product, which scores are multiplied by, is denormal.
  if (!scales_good(steps, 2, 2) || steps[0] < kSmallestScoreStep || steps[1] < kSmallestScoreStep)
    return wrong_values(name.view());
  layer->scores = {static_cast<float>(1.0 / static_cast<double>(steps[0])),
                   static_cast<float>(1.0 / static_cast<double>(steps[1])), steps[0] * steps[1]};
  return SLU_OK;
}

slu_status Weights::ngrams(Ngrams *ngrams) {
  const Name keys("ngram.keys"), projection("ngram_proj");
  const uint64_t count = ngrams->rows - 1;
  ngrams->keys = reinterpret_cast<const uint32_t *>(gguf_.tensor(keys.view(), TensorType::kInt32, &count, 1));
  if (!ngrams->keys) return damaged("missing or of wrong shape or type: the tensor", keys.view());
  if (!ngram_keys_good(*ngrams)) return damaged("numbers that do not ascend in", keys.view());
  slu_status status = table(Name("ngram_embd"), ngrams->rows, ngrams->width, &ngrams->table);
  if (status == SLU_OK) status = linear(projection, ngrams->width, info().hidden_size, &ngrams->projection);
  if (status == SLU_OK && ngrams->projection.quantised())
    status = damaged("wrong shape or type of the linear layer", projection.view());
  return status;
}

slu_status Weights::read() {
  const uint32_t hidden = info().hidden_size, inner = info().heads * info().head_size;
  slu_status status = table(Name("token_embd"), info().vocab_size, &model_->tokens);
  if (status == SLU_OK) status = table(Name("position_embd"), info().max_tokens, &model_->positions);
  if (status == SLU_OK && info().flag_count)
    status = table(Name("flag_embd"), info().flag_count, &model_->flags);
  if (status == SLU_OK && model_->ngrams.rows) status = ngrams(&model_->ngrams);
  const Name constant("constant_embd.weight");
  model_->constant = floats(constant, model_->hidden_padded);
  if (status == SLU_OK && !model_->constant) status = damaged("missing or of wrong shape:", constant.view());
  if (status == SLU_OK && !floats_good(model_->constant, model_->hidden_padded, info().hidden_size))
    status = wrong_values(constant.view());
  if (status == SLU_OK) status = norm(Name("embd_norm"), &model_->embedding_norm);
  for (uint32_t i = 0; i < info().layers && status == SLU_OK; ++i) {
    Layer &layer = model_->layers[i];
    const auto name = [i](const char *part) { return Name("blk.", i, part); };
    status = linear(name(".attn_qkv"), hidden, 3 * inner, &layer.qkv);
    if (status == SLU_OK) status = score_steps(name(".attn_qkv.score_steps"), &layer);
    if (status == SLU_OK) status = linear(name(".attn_out"), inner, hidden, &layer.attention_out);
    if (status == SLU_OK) status = norm(name(".attn_norm"), &layer.attention_norm);
    if (status == SLU_OK) status = linear(name(".ffn_up"), hidden, info().intermediate_size, &layer.up);
    if (status == SLU_OK) status = linear(name(".ffn_down"), info().intermediate_size, hidden, &layer.down);
    if (status == SLU_OK) status = norm(name(".ffn_norm"), &layer.down_norm);
  }
  model_->info.quantised = 1;
  for (uint32_t i = 0; i < info().layers; ++i) {
    const Layer &layer = model_->layers[i];
    if (!layer.qkv.quantised() || !layer.attention_out.quantised() || !layer.up.quantised() ||
        !layer.down.quantised())
      model_->info.quantised = 0;
  }
  const bool whole = !model_->answers_spans();
  if (status == SLU_OK && whole) status = linear(Name("pooler"), hidden, hidden, &model_->pooler);
  const char *const outputs = model_->answers_labels() ? "label" : "intent";
  if (status == SLU_OK && whole) status = linear(Name(outputs), hidden, info().intent_count, &model_->intent);
  if (status == SLU_OK && model_->tag_count)
    status = linear(Name(model_->answers_questions() ? "answer" : "slot"), hidden, model_->tag_count,
                    &model_->slot);
  return status;
}

}  // namespace

slu_status weights_read(const Gguf &gguf, slu_model *model, Message &message) {
  return Weights(gguf, model, message).read();
}

}  // namespace slu
