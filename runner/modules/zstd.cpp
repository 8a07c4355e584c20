// The module `zstd`: compression by libzstd. One source, two versions that differ in their default level; config
// {"level": 3} overrides it. Contexts are kept from call to call; both methods write straight into the reply.

#include <ringfleet/module.hpp>

#include <nlohmann/json.hpp>
#include <zstd.h>

namespace {

namespace rf = ringfleet::module;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const noexcept { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
};

int level_from(std::string_view config) {
  const auto json = nlohmann::json::parse(config, nullptr, false);
  if (!json.is_object()) {
    throw rf::BadArguments("config must be a JSON object such as {\"level\": 3}");
  }
  int level = ZSTD_MODULE_LEVEL;
  for (const auto& [key, value] : json.items()) {
    if (key != "level" || !value.is_number_integer()) {
      throw rf::BadArguments("config has '" + key + "': only \"level\", an integer, is understood");
    }
    level = value.get<int>();
  }
  if (level < ZSTD_minCLevel() || level > ZSTD_maxCLevel()) {
    throw rf::BadArguments("config level " + std::to_string(level) + " is not between " +
                           std::to_string(ZSTD_minCLevel()) + " and " + std::to_string(ZSTD_maxCLevel()));
  }
  return level;
}

class Zstd {
public:
  explicit Zstd(std::string_view config)
      : level_(level_from(config)), compressor_(ZSTD_createCCtx()), decompressor_(ZSTD_createDCtx()) {
    if (!compressor_ || !decompressor_) {
      throw std::bad_alloc();
    }
  }

  void compress(std::span<const std::byte> data, rf::Reply& reply) {
    const auto room = reply.reserve(ZSTD_compressBound(data.size()));
    const std::size_t bytes =
        ZSTD_compressCCtx(compressor_.get(), room.data(), room.size(), data.data(), data.size(), level_);
    if (ZSTD_isError(bytes) != 0) {
      throw rf::ModuleError(RINGFLEET_INTERNAL, std::string("compress: ") + ZSTD_getErrorName(bytes));
    }
    reply.set_length(bytes);
  }

  void decompress(std::span<const std::byte> frame, rf::Reply& reply) {
    const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN) {
      throw rf::BadArguments("decompress: not a zstd frame that states its size");
    }
    const auto room = reply.reserve(size);
    const std::size_t bytes =
        ZSTD_decompressDCtx(decompressor_.get(), room.data(), room.size(), frame.data(), frame.size());
    if (ZSTD_isError(bytes) != 0) {
      throw rf::BadArguments(std::string("decompress: ") + ZSTD_getErrorName(bytes));
    }
    reply.set_length(bytes);
  }

private:
  int level_;
  std::unique_ptr<ZSTD_CCtx, FreeContext> compressor_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> decompressor_;
};

} // namespace

RINGFLEET_MODULE(Zstd,
                 {.id = "zstd",
                  .version = ZSTD_MODULE_VERSION,
                  .name = "Zstandard",
                  .kind = "codec",
                  .description = "Compression by libzstd."},
                 RINGFLEET_METHOD(compress, .idempotent = true, .description = "The arguments as one zstd frame."),
                 RINGFLEET_METHOD(decompress, .idempotent = true,
                                  .description = "The content of a zstd frame that states its size."))
