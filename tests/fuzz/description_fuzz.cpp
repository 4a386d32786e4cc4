// A description that was accepted can be written and reads the same.
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "fuzz_check.hpp"
#include "wire/description.hpp"
#include "wire/json_text.hpp"

namespace {

using namespace understudy::wire;

void check_service(const service_description& service) {
  FUZZ_CHECK(json_valid(service.text));
  std::set<std::string> names;
  for (const method_description& method : service.methods) {
    FUZZ_CHECK(names.insert(method.name).second);
    if (method.idempotent) FUZZ_CHECK(method.comment.find("@idempotent") != std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (!json_valid(text)) return 0;
  const auto services = parse_description(text);
  if (!services) return 0;
  for (const service_description& service : *services) check_service(service);

  const std::string written = format_description(*services);
  FUZZ_CHECK(json_valid(written));
  const auto again = parse_description(written);
  FUZZ_CHECK(again && again->size() == services->size());
  for (std::size_t i = 0; i < services->size(); ++i) {
    const service_description& before = services->at(i);
    const service_description& after = again->at(i);
    FUZZ_CHECK(before.name == after.name && before.text == after.text);
    FUZZ_CHECK(before.methods.size() == after.methods.size());
  }
  return 0;
}
