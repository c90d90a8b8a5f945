"""Serve a page, to this computer only, on which the exported model classifies drawings, photos and picture files."""

import base64
import io
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from src.common.cli import exit_on_interrupt, run_cli

os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}  # read when Gradio is imported

import gradio as gr
import numpy as np
from PIL import Image
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from src.common.dataset import FRAMED
from src.common.errors import UserError
from src.export.classifier import Classifier, load_classifier
from src.pictures.reading import read_picture
from tools import make_parser
from tools.predict import MODEL

HOSTS = ["127.0.0.1", "localhost"]
MAX_PIXELS = 50_000_000  # of a picture; more would take seconds and hundreds of megabytes to decode
MAX_FILE_SIZE = "30mb"
SHOWN = 5  # classes, the most probable ones
SEEN_HEIGHT = 240  # pixels
# A canvas of our own, because Gradio's sends a drawing only when a stroke has ended.
CANVAS = '<canvas width="280" height="280" aria-label="Drawing"></canvas><button type="button">Clear</button>'
CANVAS_STYLE = """
canvas { display: block; width: 100%; max-width: 420px; border: 1px solid #8888; border-radius: 8px; background: white;
  cursor: crosshair; touch-action: none }
button { margin-top: 12px; padding: 6px 16px; border: 1px solid #8888; border-radius: 8px }
"""
FONTS = ["system-ui", "sans-serif"]  # those of the default theme are loaded from a server


def main() -> None:
    make_parser("demo", __doc__).parse_args()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS // 2  # Pillow refuses pictures with more than twice as many
    exit_on_interrupt(quiet=True)
    with TemporaryDirectory(prefix="demo-") as uploads:  # only for this user, and deleted at the end
        os.environ["GRADIO_TEMP_DIR"] = uploads
        page = build_page(load_classifier(MODEL), Path(uploads).resolve())
        _, url, _ = page.launch(
            server_name=HOSTS[0],
            share=False,
            theme=gr.themes.Default(font=FONTS, font_mono=FONTS),
            max_file_size=MAX_FILE_SIZE,
            footer_links=[],
            quiet=True,
            prevent_thread_lock=True,  # to print the address first
            # Other web pages can make a browser send requests to this server under a name of their own (DNS rebinding).
            app_kwargs={"middleware": [Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)]},
        )
        print(f"demo: open {url} in a browser; Ctrl-C ends it", flush=True)
        page.block_thread()


def build_page(classifier: Classifier, uploads: Path) -> gr.Blocks:
    """Lay out the page: a drawing or a picture on one side, the answer and the network's input on the other.

    Only files in the folder uploads are opened.
    """

    def classify_drawing(url: str | None) -> tuple[Any, Any]:
        if not url:
            return None, None
        try:
            picture = read_picture(io.BytesIO(base64.b64decode(url.partition(",")[2])))
            return classify(classifier, classifier.make_input(picture))
        except UserError:  # the drawing is not one character, or not yet
            return None, None

    def classify_file(path: str | None) -> tuple[Any, Any]:
        if not path or not Path(path).resolve().is_relative_to(uploads):
            return None, None
        try:
            picture = read_picture(path)
            image = classifier.make_input(picture)
        except UserError as error:
            gr.Warning(f"This file cannot be classified: {error}")
            return None, None
        if picture.remark:
            gr.Warning(f"Part of this picture is ignored: {picture.remark}")
        if difference := classifier.compare_with_training(image):
            gr.Warning(f"This picture is unlike all training pictures: {difference}")
        return classify(classifier, image)

    classes = classifier.description.classes
    with gr.Blocks(title="Try the model", analytics_enabled=False) as page:
        gr.Markdown(f"# Try the model\nIt always answers with one of its {len(classes)} classes.")
        with gr.Row():
            with gr.Column(), gr.Tabs():
                if classifier.description.preprocessing.fit in FRAMED:
                    with gr.Tab("Draw"):
                        drawing = gr.HTML(
                            html_template=CANVAS,
                            css_template=CANVAS_STYLE,
                            js_on_load=Path(__file__).with_name("demo_canvas.js").read_text(encoding="utf-8"),
                        )
                with gr.Tab("Use a picture"):
                    sources = ["upload", "webcam", "clipboard"]
                    picture = gr.Image(label="A file, a photo or the clipboard", sources=sources, height=420)
                    # Pass on the file as it is; Gradio would decode it before it can be checked.
                    picture.preprocess = lambda payload: payload and payload.path
            with gr.Column():
                answer = gr.Label(label="Answer", num_top_classes=SHOWN)
                seen = gr.Image(
                    label="What the network saw", format="png", interactive=False, buttons=[], height=SEEN_HEIGHT + 60
                )
        options: dict[str, Any] = {"outputs": [answer, seen], "show_progress": "hidden", "trigger_mode": "always_last"}
        if classifier.description.preprocessing.fit in FRAMED:
            drawing.change(classify_drawing, drawing, **options)
        picture.change(classify_file, picture, **options)
    return page


def classify(classifier: Classifier, image: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Return the probability of every class, and the network's input (C, H, W), enlarged, as uint8 (H, W, C)."""
    (probabilities,) = classifier.predict(image[None]).tolist()
    scale = max(1, SEEN_HEIGHT // image.shape[1])
    enlarged = image.repeat(scale, axis=1).repeat(scale, axis=2).transpose(1, 2, 0)
    seen = np.broadcast_to(enlarged, (*enlarged.shape[:2], 3))
    return dict(zip(classifier.description.classes, probabilities, strict=True)), seen


if __name__ == "__main__":
    run_cli(main)
