#include "server/tls/openssl_handles.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include <cerrno>

namespace relay::openssl_handles_test {

TEST(OpensslHandles, WithoutAnErrorThereIsNoReason) {
  ERR_clear_error();
  EXPECT_EQ(TakeErrorReason(), "no reason is given");
}

TEST(OpensslHandles, TheFirstErrorIsTheReasonAndTheQueueIsEmptyThen) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_SSL, SSL_R_EE_KEY_TOO_SMALL);
  ERR_raise(ERR_LIB_SSL, SSL_R_NO_SHARED_CIPHER);
  EXPECT_EQ(TakeErrorReason(), "ee key too small");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(OpensslHandles, AnErrorOfTheSystemIsInItsWords) {
  ERR_clear_error();
  ERR_raise(ERR_LIB_SYS, ENOENT);
  EXPECT_EQ(TakeErrorReason(), "No such file or directory");
}

}  // namespace relay::openssl_handles_test
