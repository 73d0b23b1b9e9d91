// The simulator's main loop: cocotb through VPI, and the clock, which runs here between the moments
// that cocotb asked for. What a cycle costs beyond its evaluation is one look at the signals that
// Python waits for.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"

#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

extern "C" void vlog_startup_routines_bootstrap(void);

namespace {

// The design's time precision is 1 ps.
constexpr std::uint64_t half_period_ps = CLOCK_HALF_PERIOD_PS;
std::uint64_t now_ps = 0;

// Callbacks may change what other callbacks wait for.
bool settle_value_callbacks() {
    bool called = false;
    while (VerilatedVpi::callValueCbs()) called = true;
    return called;
}

class Waves {
public:
#if VM_TRACE
    Waves(Vtop &top, const char *file) {
        if (!file) return;
        Verilated::traceEverOn(true);
        top.trace(&vcd_, 99);
        vcd_.open(file);
    }
    void dump() {
        if (vcd_.isOpen()) vcd_.dump(now_ps);
    }
    void close() { vcd_.close(); }

private:
    VerilatedVcdC vcd_;
#else
    Waves(Vtop &, const char *file) {
        if (file) std::fprintf(stderr, "this simulator was built without waveforms\n");
    }
    void dump() {}
    void close() {}
#endif
};

// One moment, with everything that Python does in it.
void step(Vtop &top) {
    do {
        do {
            top.eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            settle_value_callbacks();
        } while (VerilatedVpi::evalNeeded());
        VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        settle_value_callbacks();
    } while (VerilatedVpi::evalNeeded());
    top.eval_end_step();
    VerilatedVpi::callCbs(cbReadOnlySynch);
}

// Runs the clock until just before `deadline_ps`; true if something changed that Python waits for.
bool run_clock(Vtop &top, Waves &waves, std::uint64_t deadline_ps) {
    while (now_ps + half_period_ps < deadline_ps && !Verilated::gotFinish()) {
        now_ps += half_period_ps;
        top.clk = !top.clk;
        top.eval();
        if (settle_value_callbacks()) return true;
        waves.dump();
    }
    return false;
}

const char *trace_file(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; ++i) {
        if (std::strcmp(argv[i], "--trace-file") == 0) return argv[i + 1];
    }
    return nullptr;
}

}  // namespace

double sc_time_stamp() { return static_cast<double>(now_ps); }

int main(int argc, char **argv) {
    Verilated::commandArgs(argc, argv);
    Verilated::fatalOnVpiError(false);
    const auto top = std::make_unique<Vtop>("");
    Waves waves{*top, trace_file(argc, argv)};
    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    settle_value_callbacks();
    while (!Verilated::gotFinish()) {
        step(*top);
        waves.dump();
        // The clock goes on even if nobody waits for a time: somebody may wait for a signal.
        const std::uint64_t deadline_ps = VerilatedVpi::cbNextDeadline();
        // What Python does about a change is work of the same moment.
        if (run_clock(*top, waves, deadline_ps)) continue;
        now_ps += half_period_ps;
        top->clk = !top->clk;
        VerilatedVpi::callCbs(cbNextSimTime);
        settle_value_callbacks();
        VerilatedVpi::callTimedCbs();
        settle_value_callbacks();
    }
    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
    waves.close();
    return Verilated::threadContextp()->errorCount() > 0;
}
