"""walk_volatility.py MEMORY ROOT QUERIES: as walk_naive, by the layer Intel32e of volatility3 over a file."""

import array
import pathlib
import sys
import time

from volatility3.framework import contexts
from volatility3.framework.layers import intel, physical


def layer_over(memory, root):
    context = contexts.Context()
    context.config["memory.location"] = pathlib.Path(memory).resolve().as_uri()
    context.add_layer(physical.FileLayer(context, "memory", "memory"))
    context.config["walk.memory_layer"] = "memory"
    context.config["walk.page_map_offset"] = root
    layer = intel.Intel32e(context, "walk", "walk")
    context.add_layer(layer)
    return layer


def main():
    layer = layer_over(sys.argv[1], int(sys.argv[2], 0))
    queries = array.array("Q", pathlib.Path(sys.argv[3]).read_bytes())
    # Its addresses have no sign: 48 bits.
    addresses = [query & 0xFFFFFFFFFFFF for query in queries]
    for _ in sys.stdin:
        translate = layer._translate
        start = time.monotonic_ns()
        total = 0
        for address in addresses:
            total += translate(address)[0]
        elapsed = time.monotonic_ns() - start
        # A signed sum of 64 bits, as of the other sides.
        print(total & 0xFFFFFFFFFFFFFFFF, elapsed, flush=True)


main()
