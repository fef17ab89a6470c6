"""The database of a FastVue application, as far as modules import it."""
