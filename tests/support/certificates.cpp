#include "support/certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <stdexcept>

namespace understudy::test {
namespace {

constexpr long day = 86400;

void check(bool good) {
  if (!good) throw std::runtime_error("a certificate can not be made");
}

struct key_deleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct certificate_deleter {
  void operator()(X509* of) const { X509_free(of); }
};
using key_ptr = std::unique_ptr<EVP_PKEY, key_deleter>;
using certificate_ptr = std::unique_ptr<X509, certificate_deleter>;

void add(X509* to, X509* issuer, int what, const std::string& value) {
  X509V3_CTX about;
  X509V3_set_ctx(&about, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* const made = X509V3_EXT_conf_nid(nullptr, &about, what, value.c_str());
  check(made != nullptr && X509_add_ext(to, made, -1) == 1);
  X509_EXTENSION_free(made);
}

certificate_ptr make(EVP_PKEY* key, const std::string& name, int days, long number) {
  certificate_ptr out(X509_new());
  X509* const made = out.get();
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), number);
  X509_gmtime_adj(X509_getm_notBefore(made), -day);
  X509_gmtime_adj(X509_getm_notAfter(made), day * (days - 1));
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return out;
}

template <typename Write>
void write_file(const std::string& path, Write&& write) {
  FILE* const out = std::fopen(path.c_str(), "w");
  check(out != nullptr);
  const bool written = write(out) == 1;
  check(std::fclose(out) == 0 && written);
}

}  // namespace

struct certificates::parts {
  key_ptr key;
  certificate_ptr certificate;
  long made = 1;
};

certificates::certificates() : parts_(std::make_unique<parts>()) {
  std::string name = (std::filesystem::temp_directory_path() / "understudy-XXXXXX").string();
  check(::mkdtemp(name.data()) != nullptr);
  folder_ = name;
  parts_->key.reset(EVP_EC_gen("P-256"));
  parts_->certificate = make(parts_->key.get(), "a test's CA", 20, 1);
  X509* const own = parts_->certificate.get();
  X509_set_issuer_name(own, X509_get_subject_name(own));
  add(own, own, NID_basic_constraints, "critical,CA:TRUE");
  add(own, own, NID_key_usage, "critical,keyCertSign,cRLSign");
  check(X509_sign(own, parts_->key.get(), EVP_sha256()) > 0);
  write_file(file("ca.pem"), [&](FILE* out) { return PEM_write_X509(out, own); });
}

certificates::~certificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string certificates::file(const std::string& name) const {
  return (folder_ / name).string();
}

tls_options certificates::trust() const {
  tls_options out;
  out.ca_file = file("ca.pem");
  return out;
}

tls_options certificates::issue(const std::string& name, int days) {
  const key_ptr key(EVP_EC_gen("P-256"));
  X509* const issuer = parts_->certificate.get();
  const certificate_ptr made = make(key.get(), name, days, ++parts_->made);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer));
  add(made.get(), issuer, NID_subject_alt_name, "DNS:" + name + ",IP:127.0.0.1");
  check(X509_sign(made.get(), parts_->key.get(), EVP_sha256()) > 0);
  tls_options out = trust();
  out.certificate_file = file(name + ".pem");
  out.key_file = file(name + ".key");
  write_file(out.certificate_file, [&](FILE* to) { return PEM_write_X509(to, made.get()); });
  write_file(out.key_file, [&](FILE* to) {
    return PEM_write_PrivateKey(to, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  return out;
}

}  // namespace understudy::test
