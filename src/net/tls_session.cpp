#include "net/tls_session.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace understudy::net {
namespace {

// The library's own way to a socket raises SIGPIPE, which is its program's to handle, not ours.

int descriptor_of(BIO* of) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(of)));
}

bool is_for_later() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int send_bytes(BIO* to, const char* bytes, int size) {
  BIO_clear_retry_flags(to);
  const auto sent = ::send(descriptor_of(to), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && is_for_later()) BIO_set_retry_write(to);
  return static_cast<int>(sent);
}

int receive_bytes(BIO* from, char* into, int size) {
  BIO_clear_retry_flags(from);
  const auto got = ::recv(descriptor_of(from), into, static_cast<std::size_t>(size), 0);
  if (got < 0 && is_for_later()) BIO_set_retry_read(from);
  if (got == 0) BIO_set_flags(from, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

long control(BIO* of, int what, long, void*) {
  if (what == BIO_CTRL_FLUSH) return 1;
  if (what == BIO_CTRL_EOF) return BIO_test_flags(of, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  return 0;
}

int made(BIO* of) {
  BIO_set_init(of, 1);
  return 1;
}

BIO_METHOD* make_method() {
  BIO_METHOD* const out =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "a socket, without signals");
  if (out == nullptr) throw std::bad_alloc();
  BIO_meth_set_write(out, send_bytes);
  BIO_meth_set_read(out, receive_bytes);
  BIO_meth_set_ctrl(out, control);
  BIO_meth_set_create(out, made);
  return out;
}

BIO* make_way(int socket) {
  static BIO_METHOD* const method = make_method();
  BIO* const out = BIO_new(method);
  if (out == nullptr) throw std::bad_alloc();
  BIO_set_data(out, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  return out;
}

bool is_address(const std::string& host) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

}  // namespace

tls_session::tls_session(tls_context with, int socket)
    : context_(std::move(with)), ssl_(SSL_new(context_.get())) {
  if (ssl_ == nullptr) throw std::bad_alloc();
  BIO* const way = make_way(socket);
  SSL_set_bio(ssl_, way, way);
}

tls_session::tls_session(tls_session&& other) noexcept
    : context_(std::move(other.context_)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      why_(std::move(other.why_)) {}

tls_session::~tls_session() {
  SSL_free(ssl_);
}

tls_session tls_session::listening(tls_context with, int socket) {
  tls_session out(std::move(with), socket);
  SSL_set_accept_state(out.ssl_);
  return out;
}

tls_session tls_session::connecting(tls_context with, int socket, const std::string& host) {
  tls_session out(std::move(with), socket);
  SSL_set_connect_state(out.ssl_);
  bool set = false;
  if (is_address(host)) {
    set = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(out.ssl_), host.c_str()) == 1;
  } else {
    SSL_set_hostflags(out.ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    set = !host.empty() && SSL_set1_host(out.ssl_, host.c_str()) == 1 &&
          SSL_set_tlsext_host_name(out.ssl_, host.c_str()) == 1;
  }
  // Without it anybody's certificate would do.
  if (!set) out.why_ = "\"" + host + "\" is no name of a host";
  return out;
}

tls_session::step tls_session::after(int result) {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_NONE:
      return step::done;
    case SSL_ERROR_WANT_READ:
      return step::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return step::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return step::ended;
    default:
      note_failure();
      return step::failed;
  }
}

void tls_session::note_failure() {
  const int error = errno;
  const auto verified = SSL_get_verify_result(ssl_);
  const auto last = ERR_peek_error();
  if (verified != X509_V_OK) {
    why_ =
        std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(verified);
  } else if (ERR_GET_REASON(last) == SSL_R_UNEXPECTED_EOF_WHILE_READING || last == 0) {
    const bool broken = last == 0 && error != 0 && error != EAGAIN;
    why_ = broken ? std::strerror(error) : "the connection ended";
  } else {
    const char* const reason = ERR_reason_error_string(last);
    why_ = reason != nullptr ? reason : "TLS failed";
  }
  ERR_clear_error();
}

tls_session::step tls_session::handshake() {
  if (!why_.empty()) return step::failed;
  ERR_clear_error();
  errno = 0;
  return after(SSL_do_handshake(ssl_));
}

tls_session::step tls_session::read(std::span<char> into, std::size_t& bytes) {
  bytes = 0;
  if (!why_.empty()) return step::failed;
  ERR_clear_error();
  errno = 0;
  return after(SSL_read_ex(ssl_, into.data(), into.size(), &bytes));
}

tls_session::step tls_session::write(std::string_view what, std::size_t& bytes) {
  bytes = 0;
  if (!why_.empty()) return step::failed;
  ERR_clear_error();
  errno = 0;
  return after(SSL_write_ex(ssl_, what.data(), what.size(), &bytes));
}

tls_session::step tls_session::say_end() {
  if (!why_.empty()) return step::failed;
  ERR_clear_error();
  errno = 0;
  // 0: it is said, and the peer has not said the same yet.
  const int result = SSL_shutdown(ssl_);
  return result >= 0 ? step::done : after(result);
}

}  // namespace understudy::net
