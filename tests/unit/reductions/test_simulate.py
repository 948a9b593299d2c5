"""The command that writes simulated sets."""

from soxspipe.reductions.simulate import main


def test_command_reports_what_is_wrong(tmp_path, capsys):
    assert main([]) == 2
    assert main([str(tmp_path / "none.yaml"), str(tmp_path)]) == 2
    assert "no scene file" in capsys.readouterr().err
