"""What a scenario found, as a table of text and as JSON."""


class Figure:
    """One line of the design's table: what is wanted, what was measured, and whether that is enough."""

    def __init__(self, what, wanted, got, reached, unit="×"):
        self.what, self.wanted, self.got, self.reached, self.unit = what, wanted, got, reached, unit

    def verdict(self):
        return {True: "reached", False: "**missed**", None: "not measured"}[self.reached]

    def text(self):
        got = "-" if self.got is None else f"{self.got:.2f}" if isinstance(self.got, float) else str(self.got)
        return f"| {self.what} | {self.wanted} | {got}{self.unit if self.got is not None else ''} | {self.verdict()} |"

    def plain(self):
        return {"what": self.what, "wanted": self.wanted, "got": self.got, "unit": self.unit, "reached": self.reached}


def most(what, got, limit, unit="×"):
    """A figure that must not be above a limit; `got` is None where nobody was there to compare with."""
    return Figure(what, f"≤ {limit}{unit}", got, None if got is None else got <= limit, unit)


def least(what, got, limit, unit="×"):
    return Figure(what, f"≥ {limit}{unit}", got, None if got is None else got >= limit, unit)


def exactly(what, got, wanted, unit=""):
    return Figure(what, f"{wanted}{unit}", got, got == wanted, unit)


class Result:
    """A table with its title, and the figures that it decides."""

    def __init__(self, title, columns, rows, figures):
        self.title, self.columns, self.rows, self.figures = title, columns, rows, figures

    def show(self):
        print(f"\n{self.title}\n")
        print("| " + " | ".join(self.columns) + " |")
        print("|" + "---|" * len(self.columns))
        for row in self.rows:
            print("| " + " | ".join(_cell(value) for value in row) + " |", flush=True)

    def plain(self):
        rows = [dict(zip(self.columns, row)) for row in self.rows]
        return {"title": self.title, "rows": rows, "figures": [figure.plain() for figure in self.figures]}


def _cell(value):
    return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


def verdicts(results):
    if not any(result.figures for result in results.values()):
        return
    print("\n| scenario | figure | wanted | measured | verdict |\n|---|---|---|---|---|")
    for name, result in results.items():
        for figure in result.figures:
            print(f"| {name} {figure.text()}")
