#include "order_store.hpp"

#include <understudy/error.hpp>

namespace {

constexpr std::int64_t list_max = 1000;

void refuse_unless(bool good, const char* sentence) {
  if (!good) throw understudy::rpc_error(understudy::code::invalid_params, sentence);
}

}  // namespace

void refuse_bad(const order& wanted) {
  refuse_unless(!wanted.ref.empty(), "order.ref must not be empty.");
  refuse_unless(wanted.quantity > 0, "order.quantity must be at least 1.");
  refuse_unless(wanted.cents >= 0, "order.cents must not be negative.");
}

void refuse_bad_limit(std::int64_t limit) {
  refuse_unless(limit >= 1 && limit <= list_max, "limit must be 1 to 1000.");
}
