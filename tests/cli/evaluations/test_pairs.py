"""``eval pairs``: lists of other layouts, released features and scores."""

from __future__ import annotations

import numpy as np


def labelled(faces):
    names = list(faces.images)
    lines = []
    for k in range(40):
        one = names[(7 * k) % len(names)]
        other = names[(7 * k + (1 if k % 2 else 5)) % len(names)]
        same = one.partition("/")[0] == other.partition("/")[0]
        lines.append(f"{one},{other},{1 if same else -1}")
    (faces.folder / "list.txt").write_text("\n".join(lines))
    return lines


def test_a_list_with_labels(cli, faces):
    lines = labelled(faces)
    args = ("eval", "pairs", "list.txt", "--root", faces.unpacked(), *faces.network)
    result = cli(*args, "--json", "--far", 0.25, 0)
    assert result.code == 0, result.err
    (found,) = result.document["sets"]
    assert found["set"] == "list"
    assert found["pairs"] == len(lines)
    roc = found["results"][0]["roc"]
    assert roc["genuine"] == sum(line.endswith(",1") for line in lines)
    assert [point["target"] for point in roc["conservative"]] == [0.25, 0]


def test_lists_of_other_sets(cli, faces):
    names = list(faces.images)
    lines = []
    for k in range(24):
        same = k % 2
        for name in (names[4 * (k // 2)], names[(4 * (k // 2) + (1 if same else 4)) % 48]):
            lines.append(f"{name} {same}")
    (faces.folder / "pairs_CPLFW.txt").write_text("\n".join(lines))
    args = ("--images", faces.packed(), *faces.network, "--protocol", "ten-fold", "--json")
    (found,) = cli("eval", "pairs", "pairs_CPLFW.txt", *args).document["sets"]
    assert (found["set"], found["pairs"]) == ("pairs_CPLFW", 24)
    assert found["results"][0]["protocols"]["ten-fold"]["accuracy"] > 0.8
    place = faces.folder / "Protocol" / "Split" / "FF" / "01"
    place.mkdir(parents=True)
    (place / "same.txt").write_text("1,2\n3,4\n")
    (place / "diff.txt").write_text("1,5\n2,6\n")
    listed = [f"{at} ../Data/Images/001/frontal/{at:02d}.png" for at in range(1, 7)]
    (faces.folder / "Protocol" / "Pair_list_F.txt").write_text("\n".join(listed))
    for at, name in enumerate(names[:6], 1):
        crop = faces.folder / "crops" / "001" / "frontal" / f"{at:02d}.png"
        crop.parent.mkdir(parents=True, exist_ok=True)
        crop.write_bytes(faces.images[name])
    args = ("--images", "crops", *faces.network, "--protocol", "lightcnn", "--json")
    result = cli("eval", "pairs", "Protocol/Split/FF", *args)
    assert result.code == 0, result.err
    assert result.document["sets"][0]["pairs"] == 4
    assert result.document["sets"][0]["results"][0]["roc"]["auc"] == 1


def test_features_of_another_program(cli, faces):
    labelled(faces)
    rng = np.random.default_rng(0)
    names = np.array([name.replace(".png", ".jpg") for name in faces.images])
    person = np.array([int(name.partition("/")[0][1:]) for name in names])
    features = rng.normal(size=(12, 8))[person] + 0.1 * rng.normal(size=(48, 8))
    order = rng.permutation(48)
    np.savez(cli.folder / "f.npz", names=names[order], embeddings=features[order])
    result = cli("eval", "pairs", "list.txt", "--features", "f.npz", "--json")
    assert result.code == 0, result.err
    (found,) = result.document["sets"]
    assert found["network"] is None
    assert found["results"][0]["protocols"]["lightcnn"]["accuracy"] == 1
    np.savez(cli.folder / "g.npz", names=names[1:], embeddings=features[1:])
    fewer = cli("eval", "pairs", "list.txt", "--features", "g.npz")
    assert fewer.code == 1
    assert "1 of 48 images missing (P0/P0_0001.png)" in fewer.err
    np.savez(cli.folder / "h.npz", embeddings=features)
    unnamed = cli("eval", "pairs", "list.txt", "--features", "h.npz")
    assert unnamed.code == 1
    assert "h.npz: found no names of images, expected an array 'files'" in unnamed.err


def test_what_is_left_out_for_its_features_is_said(cli, faces):
    labelled(faces)
    features = np.random.default_rng(0).normal(size=(48, 8))
    features[5] = np.nan
    features[20] = 0
    np.savez(cli.folder / "f.npz", names=np.array(list(faces.images)), embeddings=features)
    args = ("eval", "pairs", "list.txt", "--features", "f.npz")
    result = cli(*args)
    assert result.code == 1
    assert "list, flip none: " in result.err
    assert "pairs left out, whose features are not finite" in result.err
    assert "1 images have features of zeros" in result.err
    (found,) = cli(*args, "--json").document["sets"]
    assert found["results"][0]["not_finite"] > 0
    assert found["results"][0]["zeros"] == 1
    features[5] = 0
    np.savez(cli.folder / "f.npz", names=np.array(list(faces.images)), embeddings=features)
    assert cli(*args).code == 0


def test_the_golden_features(cli, shared_data):
    result = cli(
        "eval",
        "pairs",
        shared_data / "lfw" / "pairs.txt",
        "--features",
        shared_data / "golden" / "lfw_mobilefacenet_features.npz",
        "--flip",
        "all",
        "--bootstrap",
        20,
        "--json",
    )
    assert result.code == 0, result.err
    results = result.document["sets"][0]["results"]
    ten_fold = [found["protocols"]["ten-fold"] for found in results]
    assert [round(found["accuracy"], 5) for found in ten_fold] == [0.992, 0.99117, 0.9915]
    assert [round(found["std"], 5) for found in ten_fold] == [0.00623, 0.00578, 0.00575]
    assert round(results[0]["protocols"]["omz"]["accuracy"], 5) == 0.9915
    rates = [round(point["tpr"], 5) for point in results[0]["roc"]["kth-impostor"]]
    assert rates == [0.99167, 0.981, 0.953]
    low, high = results[0]["roc"]["drawn"]["TPR at FAR 0.001"]
    assert 0.96 < low < 0.981 < high < 0.995


def test_kept_features_of_a_network_that_was_fed_otherwise(cli, faces):
    labelled(faces)
    faces.unpacked()
    args = ("eval", "pairs", "list.txt", "--images", "images", "--features", "f.npz")
    assert cli(*args, *faces.network).code == 0
    assert cli(*args, *faces.network, "--json").code == 0
    for option, value in (("--color", "bgr"), ("--mean", 0), ("--size", "18x18")):
        other = list(faces.network)
        other[other.index(option) + 1] = value
        result = cli(*args, *other, "--json")
        assert result.code == 2
        assert f"found features made with {option[2:]}" in result.document["error"]
