// The fastest way to run the machine: no Python, no VPI. The yardstick of sim/cosim/bench.py.
// Usage: bare <cycles>; prints cycles per second.
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const long cycles = std::atol(argv[1]);
    VerilatedContext context;
    Vtop top{&context};
    const auto start = std::chrono::steady_clock::now();
    for (long cycle = 0; cycle < cycles; ++cycle) {
        top.rst = cycle < 16;
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("%f\n", cycles / elapsed.count());
    return top.done;
}
