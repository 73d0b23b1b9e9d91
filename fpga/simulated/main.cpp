// The complete design of a bitstream, clocked for ever, with a UART at its pins whose other end is a
// socket. Usage: board <file descriptor>; ends when the socket is closed.
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

#include <sys/socket.h>

#include "Vtop.h"
#include "verilated.h"

namespace {

// Of the design's link; BIT_CYCLES comes with the build.
constexpr int bit_cycles = BIT_CYCLES;
constexpr int frame_bits = 10;
constexpr int reset_cycles = 16;
// A look at the socket costs as much as some cycles.
constexpr int poll_cycles = 1024;

// Bytes from the socket to the design's rx pin.
class Sender {
public:
    std::deque<std::uint8_t> bytes;

    bool level() {
        if (left_ == 0) {
            if (bytes.empty()) return true;
            bits_ = 1u << 9 | unsigned(bytes.front()) << 1;
            bytes.pop_front();
            left_ = frame_bits * bit_cycles;
        }
        return bits_ >> ((frame_bits * bit_cycles - left_--) / bit_cycles) & 1;
    }

private:
    unsigned bits_ = 0;
    int left_ = 0;
};

// Bytes from the design's tx pin to the socket.
class Receiver {
public:
    std::vector<std::uint8_t> bytes;

    void sample(bool level) {
        if (left_ == 0) {
            if (level) return;
            left_ = frame_bits * bit_cycles - bit_cycles / 2;
            return;
        }
        if (--left_ % bit_cycles != 0) return;
        // The middle of a bit; the one in which nothing is left is the stop bit.
        if (left_ != 0) {
            bits_ = bits_ >> 1 | unsigned(level) << 7;
        } else if (level) {
            bytes.push_back(std::uint8_t(bits_));
        }
    }

private:
    unsigned bits_ = 0;
    int left_ = 0;
};

// Moves what there is without waiting; false once the other end has gone.
bool exchange(int socket, Sender &sender, Receiver &receiver) {
    if (!receiver.bytes.empty()) {
        const ssize_t sent = send(socket, receiver.bytes.data(), receiver.bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return false;
        receiver.bytes.erase(receiver.bytes.begin(), receiver.bytes.begin() + sent);
    }
    std::uint8_t data[4096];
    const ssize_t count = recv(socket, data, sizeof data, MSG_DONTWAIT);
    if (count > 0) sender.bytes.insert(sender.bytes.end(), data, data + count);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const int socket = std::atoi(argv[1]);
    VerilatedContext context;
    const auto top = std::make_unique<Vtop>(&context, "");
    Sender sender;
    Receiver receiver;
    for (std::uint64_t cycle = 0;; ++cycle) {
        if (cycle % poll_cycles == 0 && !exchange(socket, sender, receiver)) break;
        top->board_rst = cycle < reset_cycles;
        top->rx = sender.level();
        top->board_clk = 1;
        top->eval();
        top->board_clk = 0;
        top->eval();
        receiver.sample(top->tx);
    }
    top->final();
    return 0;
}
