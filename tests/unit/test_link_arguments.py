# amaranth: UnusedElaboratable=no
import pytest
from link_bench import IDENTITY
from tightrope.fpga.link.host_link import HostLink
from tightrope.fpga.link.uart import UartReceiver, UartTransmitter


@pytest.mark.parametrize(
    ("divisor", "kind"), [(3, ValueError), (True, TypeError), (8.0, TypeError)]
)
@pytest.mark.parametrize("end", [UartReceiver, UartTransmitter])
def test_a_divisor_that_cannot_be_is_refused(end, divisor, kind):
    with pytest.raises(kind, match="^divisor must be"):
        end(divisor=divisor)


@pytest.mark.parametrize(
    ("changed", "kind", "sentence"),
    [
        ({"identity": None}, TypeError, "^identity must be an Identity, not None$"),
        ({"divisor": 2}, ValueError, "^divisor must be at least 4, not 2$"),
        ({"silence_cycles": 0}, ValueError, "^silence_cycles must be .* at least 1, not 0$"),
        ({"drain_cycles": 1.5}, ValueError, "^drain_cycles must be .* at least 1, not 1.5$"),
    ],
)
def test_a_link_that_cannot_be_is_refused(changed, kind, sentence):
    good = {"identity": IDENTITY, "divisor": 4, "silence_cycles": 8, "drain_cycles": 8}
    with pytest.raises(kind, match=sentence):
        HostLink(**good | changed)
