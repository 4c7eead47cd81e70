"""Where arrays may live beside numpy; a module here needs the package it is named after."""
