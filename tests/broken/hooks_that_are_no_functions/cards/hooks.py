from .users import forgot as forget

on_enable = None


class Disable:
    pass
