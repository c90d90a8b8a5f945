"""Stage 6: export the trained network, or ensemble, as one ONNX model with a model card."""

from pathlib import Path

from src.common.artifacts import AppliedDecision, Environment, MetricsFile, Prediction
from src.common.dataset import Dataset, Split
from src.common.files import md5, read_bytes, read_csv, read_json, write_bytes
from src.common.params import PARAMS, read_yaml
from src.common.text import count
from src.evaluate.prediction import check_compatible
from src.export.classifier import Description, decode_classifier, measure_images
from src.export.model_card import Facts, model_card
from src.export.onnx_model import OPSET, SAMPLE, TOLERANCE, to_onnx, verify
from src.network.backbone import open_extractor
from src.network.model_file import load_networks
from src.params.params import read_params

TRAINED = Path("data/train/model.safetensors")
MODEL, CARD = Path("data/export/model.onnx"), Path("data/export/model.md")


def main() -> None:
    params = read_params()
    shift = params.evaluate.shift
    networks, test = load_networks(TRAINED), Dataset.load(Path("data/download/test.npz"))
    images = test.images
    extractor = open_extractor(params.model.backbone, images.shape[1:])
    check_compatible(networks[0], test, extractor.backbone if extractor else None)
    features = extractor.extract(images) if extractor else None
    split = Split.load(Path("data/split/indices.npz"))
    facts = Facts(
        metrics=read_json(Path("data/evaluate/metrics.json"), MetricsFile).test,
        predictions=read_csv(Path("data/evaluate/predictions.csv"), Prediction),
        environment=read_json(Path("data/train/environment.json"), Environment),
        params=read_yaml(PARAMS),
        training_images=len(split.train),
        validation_images=len(split.validation),
        changed_test_labels=sum(
            decision.changes_test_set for decision in read_csv(Path("data/download/decisions.csv"), AppliedDecision)
        ),
        opset=extractor.model.opset_import[0].version if extractor else OPSET,
        backbone_origin=find_origin(extractor.path) if extractor else "",
    )
    measures = measure_images(Dataset.load(Path("data/download/train.npz")).images)
    brightness, contrast = zip(measures.min(0).round(2).tolist(), measures.max(0).round(2).tolist(), strict=True)
    description = Description(
        **networks[0].architecture.model_dump(include={"classes", "image_shape", "preprocessing", "backbone"}),
        members=len(networks),
        shift=shift,
        brightness=brightness,
        contrast=contrast,
        trained_model_md5=md5(read_bytes(TRAINED)),
    )
    model = to_onnx(networks, description, extractor.model if extractor else None)
    predicted = [row.predicted for row in facts.predictions]
    difference = verify(decode_classifier(model, MODEL), networks, images, predicted, params.evaluate, features)
    write_bytes(MODEL, model)
    write_bytes(CARD, model_card(description, facts).encode())
    print(f"export: {count('network', len(networks))}, ONNX opset {facts.opset}, {len(model) / 1e6:.1f} MB")
    print(
        f"export: same predictions as PyTorch on all {len(images):,} test images; probabilities, compared on"
        f" {min(len(images), SAMPLE):,} of them, differ by at most {difference:.1e} (allowed: {TOLERANCE:.0e}); wrote"
        f" {MODEL} and {CARD}"
    )


def find_origin(backbone: Path) -> str:
    """Return where `dvc import-url` or `dvc import` brought a file or folder from, or an empty string."""
    record = backbone.with_name(f"{backbone.name}.dvc")
    deps = read_yaml(record).get("deps", []) if record.exists() else []
    return " ".join(str(dep.get("repo", {}).get("url", "") or dep["path"]) for dep in deps)
