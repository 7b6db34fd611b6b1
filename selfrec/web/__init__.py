"""A model as a static web page that recommends in the browser, without a network."""
