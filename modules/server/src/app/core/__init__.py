"""The core of the BMC Hub and of FastVue, as far as modules import it."""
