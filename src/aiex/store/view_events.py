"""What views say of themselves."""

import msgspec


class ViewCompleted(msgspec.Struct, frozen=True):
    """The view has all rows of its table for the first time, and can be read."""

    table: str
    row_count: int
    took_s: float


class ViewAdvanced(msgspec.Struct, frozen=True):
    """Changes can be read here since now; the newest of them was written `lag_us` ago."""

    table: str
    change_count: int
    lag_us: int


class ViewBeganAnew(msgspec.Struct, frozen=True):
    """A view is made anew; one that was complete shows what it had until that is done."""

    table: str
    fragment: int
    reason: str


class ViewPutAside(msgspec.Struct, frozen=True):
    """The view's file cannot be used; it lies at `path` now, and a new one is made."""

    table: str
    reason: str
    path: str


class ViewStuck(msgspec.Struct, frozen=True):
    """The view cannot be written, as when the disc is full; it is tried again every second."""

    table: str
    reason: str


class RowsUnreadable(msgspec.Struct, frozen=True):
    """Rows came that this release cannot read; views leave them out. `key` is the last one's."""

    table: str
    row_count: int
    key: str
    version: int
    reason: str
