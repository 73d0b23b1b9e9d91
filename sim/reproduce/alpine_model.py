"""All runs of ALPINE's networks under one set of assumptions."""

from .core import Assumptions, load_systems
from .inference import Inference, run_inference
from .loose import loose_time_ns
from .staged import load_networks

__all__ = ["Model"]


class Model:
    """Inferences by name; each is computed once."""

    def __init__(self, assumed: Assumptions) -> None:
        self.assumed = assumed
        self.networks = load_networks()
        self.systems = load_systems()
        self._known: dict[tuple[str, str, int, bool], Inference] = {}

    def run(self, net: str, system: str, cores: int, *, on_tiles: bool) -> Inference:
        """An inference of a network of ``alpine.json``."""
        key = (net, system, cores, on_tiles)
        if key not in self._known:
            self._known[key] = run_inference(
                self.networks[net],
                self.systems[system],
                self.assumed,
                cores=cores,
                on_tiles=on_tiles,
            )
        return self._known[key]

    def gain(self, net: str, system: str, cores: int, kind: str) -> float:
        """Digital / on tiles, on as many cores; ``kind`` is time or energy."""
        name = "time_ns" if kind == "time" else "energy_pj"
        digital = self.run(net, system, cores, on_tiles=False)
        tiles = self.run(net, system, cores, on_tiles=True)
        return getattr(digital, name) / getattr(tiles, name)

    def mlp_digital_ns(self) -> float:
        """The MLP on one high-power core, without tiles."""
        return self.run("mlp", "hp", 1, on_tiles=False).time_ns

    def mlp_tight_ns(self, cores: int) -> float:
        """On high-power cores with tight tiles."""
        return self.run("mlp", "hp", cores, on_tiles=True).time_ns

    def mlp_loose_ns(self) -> float:
        """On one high-power core and loose tiles."""
        return loose_time_ns(self.networks["mlp"], self.systems["hp"], self.assumed)

    def mlp_digital_share(self) -> float:
        """The part of the time that products take, waits for weights included; one core."""
        found = self.run("mlp", "hp", 1, on_tiles=False)
        products = found.works[0].product_instructions / self.assumed.ipc
        return (products + found.core_cycles[0].weights) / found.core_cycles[0].total

    def mlp_process_share(self) -> float:
        """The part of the time that MVMs on tiles take; one core."""
        core = self.run("mlp", "hp", 1, on_tiles=True).core_cycles[0]
        return core.mvm / core.total
