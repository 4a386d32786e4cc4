#include "agent/node_service.hpp"

#include <type_traits>

namespace understudy::agent {
namespace {

constexpr std::chrono::seconds warn_every{10};

void warn(node_face& face, const std::string& peer, const std::string& what) {
  std::string line;
  {
    const std::lock_guard lock(face.mutex);
    const auto now = std::chrono::steady_clock::now();
    ++face.unwarned;
    if (now - face.warned_at < warn_every && face.warned_at != core::time_point()) return;
    face.warned_at = now;
    line = "A call from " + peer + " was refused: " + what + " (" +
           std::to_string(std::exchange(face.unwarned, 0)) + " since the last such line).";
  }
  if (face.log) face.log(line);
}

void check(node_face& face, const context& about, std::string_view method, const sealed& call) {
  std::string what;
  switch (face.caller.check(method, call)) {
    case door::verdict::good:
      return;
    case door::verdict::stale:
      throw rpc_error(code::not_allowed, "The agent has another nonce: ask for it",
                      std::string(stale_data));
    case door::verdict::wrong:
      what = "its secret is not the agent's, or it is for another node";
      break;
    case door::verdict::repeated:
      what = "it was made before";
      break;
  }
  warn(face, about.peer(), what);
  throw rpc_error(code::not_allowed, "The call is refused: " + what);
}

/// A method that takes words and says words.
template <typename Words, typename Answer>
auto method(std::shared_ptr<node_face> face, std::string name, Answer answer) {
  return [face = std::move(face), name = std::move(name), answer = std::move(answer)](
             const context& about, const sealed& call) {
    check(*face, about, name, call);
    sealed_answer out;
    out.body = to_json_text(answer(*face, from_json_text<Words>(call.body)));
    out.proof = face->caller.answer(call, out.body);
    return out;
  };
}

struct no_words {};
BOOST_DESCRIBE_STRUCT(no_words, (), ())

measure_said measure(node_face& face, const no_words&) {
  measure_said out;
  std::uintmax_t bytes = 0;
  out.why = face.source->measure(bytes);  // a sentence of ours
  out.bytes = bytes;
  return out;
}

// What only the owner of a server can do.
template <typename Add>
void add_steps(const Add& add, const std::shared_ptr<node_face>& face) {
  add("look",
      method<look_words>(face, "look",
                         [](node_face& of, const look_words& said) { return of.work->look(said); }),
      "How the node is; may wait until its process changes.");
  add("begin",
      method<begin_words>(
          face, "begin",
          [](node_face& of, const begin_words& said) { return of.work->begin(said); }),
      "Begins a step.");
  add("work",
      method<work_words>(face, "work",
                         [](node_face& of, const work_words& said) { return of.work->work(said); }),
      "How a step is; may wait for its end.");
}

}  // namespace

service_definition node_service(const std::shared_ptr<node_face>& face) {
  struct nothing {};
  service<nothing> out{std::string(service_name)};
  out.method("challenge", [face] { return face->caller.nonce(); })
      .comment("The nonce that calls have to prove the secret with.")
      .nonblocking();
  const auto add = [&](const std::string& name, auto does, const std::string& comment) {
    out.method(name, std::move(does), {"call"}).comment(comment);
  };
  if (face->work) add_steps(add, face);
  add("measure", method<no_words>(face, "measure", measure), "How large a copy is, about.");
  add("copy",
      method<no_words>(face, "copy",
                       [](node_face& of, const no_words&) { return of.copies->promise(); }),
      "A ticket for a copy.");
  return out;
}

}  // namespace understudy::agent
