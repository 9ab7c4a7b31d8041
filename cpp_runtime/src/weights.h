// The weights of the native network. A library with another runtime behind the API (backends/) has its own version of
// this function, which reads none.
#pragma once

#include "gguf.h"
#include "model.h"

namespace slu {

// Point the tensors of `model` into the file; its sizes and layers are in place. All is checked.
slu_status weights_read(const Gguf &gguf, slu_model *model, Message &message);

}  // namespace slu
