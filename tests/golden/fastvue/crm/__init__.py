from .hooks import uninstall
