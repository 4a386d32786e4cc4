#include "net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509err.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

namespace understudy::net {
namespace {

[[noreturn]] void fail(const std::string& sentence) {
  ERR_clear_error();
  throw std::runtime_error(sentence);
}

void check_readable(const std::string& file, const std::string& what) {
  errno = 0;
  const std::ifstream in(file);
  if (!in) fail("Cannot read the " + what + " " + file + ": " + std::strerror(errno) + ".");
}

// Without it the library would ask on the terminal.
int no_password(char*, int, int, void*) {
  return 0;
}

tls_context make_context(const SSL_METHOD* method) {
  tls_context made(SSL_CTX_new(method), SSL_CTX_free);
  if (!made) throw std::bad_alloc();
  SSL_CTX* const context = made.get();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // A session that is resumed would not show its certificate again, and outlive a CA.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_passwd_cb(context, no_password);
  return made;
}

std::string date_of(const ASN1_TIME* time) {
  BIO* const out = BIO_new(BIO_s_mem());
  char* text = nullptr;
  ASN1_TIME_print(out, time);
  const auto size = BIO_get_mem_data(out, &text);
  std::string date(text, static_cast<std::size_t>(size));
  BIO_free(out);
  return date;
}

void use_certificate(SSL_CTX* context, const tls_options& options) {
  const std::string& file = options.certificate_file;
  check_readable(file, "certificate");
  if (SSL_CTX_use_certificate_chain_file(context, file.c_str()) != 1) {
    fail("There is no usable certificate in " + file + ": a file in PEM form is needed.");
  }
  const X509* const own = SSL_CTX_get0_certificate(context);
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    fail("The certificate in " + file + " has expired (" + date_of(X509_get0_notAfter(own)) +
         "): put a new one there.");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) {
    fail("The certificate in " + file + " is not valid before " +
         date_of(X509_get0_notBefore(own)) + ": is the clock of this host right?");
  }
}

void use_key(SSL_CTX* context, const tls_options& options) {
  check_readable(options.key_file, "private key");
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(context) == 1) {
    return;
  }
  const auto error = ERR_peek_last_error();
  const bool other = ERR_GET_LIB(error) == ERR_LIB_X509;
  if (other) {
    fail("The private key in " + options.key_file + " is not that of the certificate in " +
         options.certificate_file + ".");
  }
  fail("There is no usable private key in " + options.key_file +
       ": one in PEM form is needed, without a password.");
}

void use_own(SSL_CTX* context, const tls_options& options) {
  if (options.certificate_file.empty() != options.key_file.empty()) {
    fail("A certificate needs its private key, and a key its certificate: " +
         options.certificate_file + options.key_file + " is alone.");
  }
  if (options.certificate_file.empty()) return;
  use_certificate(context, options);
  use_key(context, options);
}

void use_ca(SSL_CTX* context, const std::string& file) {
  check_readable(file, "CA's certificate");
  if (SSL_CTX_load_verify_locations(context, file.c_str(), nullptr) != 1) {
    fail("There is no usable certificate of a CA in " + file + ": a file in PEM form is needed.");
  }
}

}  // namespace

tls_context make_listening_context(const tls_options& options) {
  if (options.certificate_file.empty()) {
    fail("Whoever listens with TLS needs a certificate and its private key.");
  }
  auto made = make_context(TLS_server_method());
  use_own(made.get(), options);
  if (options.ca_file.empty()) return made;
  use_ca(made.get(), options.ca_file);
  SSL_CTX_set_client_CA_list(made.get(), SSL_load_client_CA_file(options.ca_file.c_str()));
  const int needed = options.client_certificate_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER | needed, nullptr);
  return made;
}

tls_context make_connecting_context(const tls_options& options) {
  auto made = make_context(TLS_client_method());
  use_own(made.get(), options);
  if (!options.ca_file.empty()) {
    use_ca(made.get(), options.ca_file);
  } else if (SSL_CTX_set_default_verify_paths(made.get()) != 1) {
    fail("The system's certificates of CAs cannot be read: name a ca_file.");
  }
  SSL_CTX_set_verify(made.get(), SSL_VERIFY_PEER, nullptr);
  return made;
}

}  // namespace understudy::net
