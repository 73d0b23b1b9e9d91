// Applies lines of stimulus from standard input to the bench of ecp5_bench.py, a cycle each, and
// prints what each block gives then.
#include <cinttypes>
#include <cstdio>

#include "Vbench.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

int main()
{
    Vbench top;
    unsigned clocks, controls, addr_a, addr_b, signs, a, b;
    uint64_t data;
    while (scanf("%x %x %x %x %" SCNx64 " %x %x %x", &clocks, &controls, &addr_a, &addr_b, &data,
                 &signs, &a, &b) == 8) {
        top.controls = controls;
        top.addr_a = addr_a;
        top.addr_b = addr_b;
        top.data = data;
        top.signs = signs;
        top.a = a;
        top.b = b;
        top.clk_a = top.clk_b = 0;
        top.eval();
        top.clk_a = clocks & 1;
        top.clk_b = clocks >> 1;
        top.eval();
        if (Verilated::gotFinish())
            return 3;
        for (int i = 0; i < COUNT; i++)
            printf("%" PRIx64 " ", (uint64_t)top.q[i]);
        printf("%" PRIx64 "\n", (uint64_t)top.product);
    }
    return 0;
}
