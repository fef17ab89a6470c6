"""The interface of a FastVue application, as far as modules import it."""
