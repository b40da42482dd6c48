# cmake -DOBJECT=... -DSOURCE=... -P: writes a C++ source that holds the octets of a file; of no file, none.
set(octets "")
if(OBJECT)
  file(READ ${OBJECT} octets HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" octets "${octets}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," octets "${octets}")
endif()
file(WRITE ${SOURCE} "#include \"server/datapath/kernel/embedded_object.h\"

namespace relay {
namespace {

// One more octet than there is, because arrays are not empty.
alignas(8) constexpr std::uint8_t kOctets[] = {
${octets}0};

}  // namespace

base::Bytes EmbeddedObject() { return {kOctets, sizeof(kOctets) - 1}; }

}  // namespace relay
")
