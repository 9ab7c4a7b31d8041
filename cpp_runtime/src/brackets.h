// Brackets that belong to a slot though no token has them; the same as slu/inputs/brackets.py.
#pragma once

#include "base.h"

namespace slu {

// Extend a slot of `text` by the partners that stand beside it of the brackets inside it.
void take_in_partners(View text, slu_slot *slot);

}  // namespace slu
