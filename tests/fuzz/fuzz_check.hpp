// What a fuzz target promises: a broken one ends the run, and the input is kept.
#pragma once

#include <cstdlib>

#define FUZZ_CHECK(expression) ((expression) ? void() : std::abort())
