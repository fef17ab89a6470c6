"""What the models of FastVue modules inherit; the product makes their tables when it starts."""

from server.orm import Base

__all__ = ["Base"]
