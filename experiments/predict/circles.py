"""Writes circles.csv, the data of a25-uniform-mean.toml: 1,000 points of two circles with radii 1 and 0.5 and noise of 0.05."""

import math
import random

draw = random.Random(1)
with open("circles.csv", "w", encoding="utf-8") as file:
    file.write("x,y,circle\n")
    for index in range(1000):
        circle = index % 2
        radius, angle = [1.0, 0.5][circle], draw.uniform(0, 2 * math.pi)
        x, y = (radius * f(angle) + draw.gauss(0, 0.05) for f in (math.cos, math.sin))
        file.write(f"{x:.6f},{y:.6f},{circle}\n")
