"""Flux for a spectrum whose response came later, or is better now: from the counts that its products keep, without its frames.

The spectra that are written are those that the reduction would have written with that response: same function, same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from soxspipe.datamodel.provenance import Card, CardValue, InputFile
from soxspipe.errors import InputError
from soxspipe.instruments.registry import Instrument
from soxspipe.io.atomic import Staged, discard, stage
from soxspipe.io.calibration_tables import read_response
from soxspipe.io.classify import ClassifiedFile, Kind, classify
from soxspipe.io.commit_set import commit_set, recover
from soxspipe.io.counts import read_counts
from soxspipe.io.file_names import file_name
from soxspipe.io.files import md5_of
from soxspipe.io.fits import read_header
from soxspipe.io.fits_writer import fits_chunks
from soxspipe.io.lock import only_run
from soxspipe.io.product_headers import later_calibration, metric_card
from soxspipe.io.products import COUNTS_NOTE, fluxed_ascii, fluxed_columns, fluxed_hdus
from soxspipe.io.spectra import FinishedTable, full_cards
from soxspipe.io.spectrum_1d import as_spectrum_1d, calibrated_later
from soxspipe.io.static import read_extinction, read_telluric_bands
from soxspipe.qc.metrics import measure_flux_calibration
from soxspipe.reductions.convert import move_table, moved_suffix
from soxspipe.reductions.gathered import made_at
from soxspipe.reductions.publish import LOCK_TIMEOUT_S
from soxspipe.reductions.spec import Contents, ProductRecord, Published
from soxspipe.reductions.stare.calibrate import make_fluxed
from soxspipe.reductions.stare.late_flux import LateFlux, Updated, with_late_flux
from soxspipe.reductions.stare.products import fluxed_about
from soxspipe.reductions.stare.response_warnings import misfit_warnings, response_warnings
from soxspipe.reductions.stare.solution_warnings import slit_loss_warnings
from soxspipe.reductions.stare.spec import STARE
from soxspipe.settings.published_names import normalised

COUNTS_END = "_EXTRACTED_MERGED.fits"
FLUX_END = "_FLUXCAL.fits"
SLIT_LOSS = "ESO QC SLIT LOSS RATIO"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Calibrated:
    """A spectrum of an instrument, what is new, and its header with that."""

    path: Path
    instrument: Instrument
    new: LateFlux
    cards: tuple[Card, ...]

    @property
    def name(self) -> str:
        """What the names of the products begin with."""
        return self.path.name.removesuffix(COUNTS_END)

    def card(self, keyword: str) -> CardValue:
        """Value of a card; None if there is none."""
        return next((value for name, value, _ in self.cards if name == keyword), None)

    def setting(self, name: str) -> CardValue:
        """A setting of the reduction, as the header lists it; None if it does not."""
        numbers = (i for i in range(1, len(self.cards)) if normalised(str(self.card(f"ESO PRO REC1 PARAM{i} NAME"))) == name)
        return next((self.card(f"ESO PRO REC1 PARAM{i} VALUE") for i in numbers), None)


def recalibrate(spectrum: Path, response: Path, output: Path | None = None) -> Published:
    """Calibrate a spectrum in counts with a response.

    Parameters
    ----------
    spectrum : Path
        ``..._EXTRACTED_MERGED.fits`` of a reduction, whose other products stand beside it.
    response : Path
        ``..._RESP.fits`` of a standard star of the same arm.
    output : Path, optional
        Folder for the calibrated spectra; absent: beside the spectrum, where quality control and report are brought up to date as well.

    Returns
    -------
    Published
        All products of the set.  They are written together: all of them or none.

    Raises
    ------
    InputError
        If a file is not of that kind, the arms differ, or the spectrum was reduced by a version that did not keep what is needed.
    ProductError
        If a file could not be written; what stood there is untouched then.
    """
    found = _calibrated(spectrum, response)
    folder, owner = spectrum.parent if output is None else output, file_name(found.name, "")
    with only_run(folder / f".{file_name(found.name, '.lock')}", timeout_s=LOCK_TIMEOUT_S):
        recover(folder, owner)
        updated = with_late_flux(_quality_folder(spectrum), found.name, found.new)
        files = dict(_spectra(found, folder)) | dict(updated.files if output is None else {})
        _write(files, folder / f"{found.name}{FLUX_END}", owner, updated if output is None else Updated())
    return Published(
        final=folder / f"{found.name}{FLUX_END}",
        products=tuple(_records(found.name, folder, _quality_folder(spectrum) if output is None else folder)),
        metrics=updated.metrics,
        warnings=updated.warnings,
        made_at=found.new.made_at,
        verdict=updated.verdict,
        reasons=updated.worries,
    )


def _calibrated(spectrum: Path, response: Path) -> _Calibrated:
    """Read both files and make the flux."""
    counts, file = read_counts(spectrum), classify(spectrum, read_header(spectrum))
    if file is None or not spectrum.name.endswith(COUNTS_END):
        raise InputError(f"{spectrum}: is not a spectrum in counts ({COUNTS_END.lstrip('_')}) of this program")
    given = _response_of(response, file)
    curve, arm = read_response(given), file.facts.arm
    bands = read_telluric_bands()
    fluxed = make_fluxed(counts, curve, arm, read_extinction(arm.extinction_site), bands)
    metrics, moment = measure_flux_calibration(fluxed), made_at()
    response_file = InputFile(path=str(response), category=given.tag, md5=md5_of(response))
    kept = [card for card in full_cards(spectrum) if card[:2] != COUNTS_NOTE[:2] and card[0] != SLIT_LOSS]
    said = [
        *response_warnings(curve, counts.flat_md5, counts.observation, arm, flattened=bool(counts.flat_md5)),
        *misfit_warnings(curve, bands),
    ]
    return _Calibrated(
        path=spectrum,
        instrument=file.instrument,
        new=LateFlux(
            counts=counts,
            fluxed=fluxed,
            response=curve,
            response_file=response_file,
            metrics=metrics,
            warnings=(*said, *slit_loss_warnings(fluxed, curve, counts.observation)),
            made_at=moment,
        ),
        cards=later_calibration([*kept, *map(metric_card, metrics)], response_file, moment),
    )


def _response_of(path: Path, spectrum: ClassifiedFile) -> ClassifiedFile:
    """The response as a file of the spectrum's arm.

    Raises
    ------
    InputError
        If it is none.
    """
    file = classify(path, read_header(path))
    if file is None or file.kind is not Kind.RESPONSE:
        raise InputError(f"{path}: is not a response (..._RESP.fits)")
    if (file.instrument.name, file.arm) != (spectrum.instrument.name, spectrum.arm):
        raise InputError(
            f"{path}: is of {file.instrument.name} {file.arm}, {spectrum.path.name} of {spectrum.instrument.name} {spectrum.arm}"
        )
    return file


def _quality_folder(spectrum: Path) -> Path:
    """Folder of report and quality control: ``qc`` where the spectrum's is ``reduced``, else the spectrum's own."""
    night = spectrum.parent.parent
    return night.parent.parent / "qc" / night.name / spectrum.parent.name if night.parent.name == "reduced" else spectrum.parent


def _spectra(found: _Calibrated, folder: Path) -> Iterator[tuple[Path, Contents]]:
    """Every file that holds the flux, and its contents."""
    fluxed, limits = found.new.fluxed, found.card("SOXS FORCED") is True
    flux_path = folder / f"{found.name}{FLUX_END}"
    yield flux_path, fits_chunks(fluxed_hdus(found.cards, fluxed, limits=limits))
    about = fluxed_about(
        found.new.counts.observation,
        number=int(float(str(found.card("NCOMBINE") or 1))),
        total_s=float(str(found.card("TEXPTIME") or found.new.counts.observation.exptime_s)),
        instrument=found.instrument.name,
        known={name: value for name, value, _ in found.cards},
    )
    yield flux_path.with_suffix(".txt"), [fluxed_ascii(fluxed, about)]
    moved = (str(found.setting("wavelength_frame") or "topocentric"), str(found.setting("wavelength_medium") or "air"))
    if moved != ("topocentric", "air") and (moved[0] == "topocentric" or found.card("SOXS BARY VEL") is not None):
        table = FinishedTable(path=flux_path, name="FLUXCAL", columns=tuple(fluxed_columns(fluxed, limits=limits)), cards=found.cards)
        other = move_table(table, *moved)
        path = folder / f"{found.name}_FLUXCAL{moved_suffix(*moved)}.fits"
        yield path, fits_chunks(other.hdus)
        yield path.with_suffix(".txt"), [other.text]
    yield from _archive_spectra(found, folder)


def _archive_spectra(found: _Calibrated, folder: Path) -> Iterator[tuple[Path, Contents]]:
    """The spectra in ESO's form, made again of those that the reduction wrote."""
    spectrum = as_spectrum_1d(found.new.counts.merged, found.new.fluxed, found.new.response, found.new.counts.in_doubt)
    rows = {row.label: row for row in STARE.products}
    for label, long_values in (("SPECTRUM_1D", False), ("SPECTRUM_1D_IMAGE", True)):
        name = rows[label].named(found.name, str(rows[label].suffix))
        old = found.path.parent / name
        if old.is_file():
            kept = [card for card in full_cards(old) if card[0] != SLIT_LOSS]
            cards = later_calibration([*kept, *map(metric_card, found.new.metrics)], found.new.response_file, found.new.made_at)
            yield folder / name, fits_chunks(calibrated_later(old, cards, spectrum), long_values=long_values)


def _write(files: Mapping[Path, Contents], last: Path, owner: str, updated: Updated) -> None:
    """Write all files or none; figures of the old flux go."""
    staged: list[Staged] = []
    try:
        for path, contents in files.items():
            staged.append(stage(path, contents, owner=owner))
        commit_set(staged, updated.outdated, last=last, owner=owner)
    except BaseException:
        discard(staged)
        raise


def _records(name: str, folder: Path, quality: Path) -> Iterator[ProductRecord]:
    """Every product of the set that is there."""
    for row in STARE.products:
        place = folder if row.folder == "reduced" else quality
        if isinstance(row.suffix, str):
            path = place / row.named(name, row.suffix)
            if path.is_file():
                yield ProductRecord(label=row.label, description=row.description, file_type=row.file_type, kind=row.kind, path=path)
