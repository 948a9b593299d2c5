"""The wavelength scale of an exposure, order by order: sky lines where there are any, a published law or neighbours where not."""
