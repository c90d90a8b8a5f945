// A canvas to draw on with a mouse, pen or finger. Gradio's own sends a drawing only when a stroke has ended.
const canvas = element.querySelector("canvas");
const context = canvas.getContext("2d");
context.lineWidth = 18;
context.lineCap = context.lineJoin = "round";

function clear() {
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  props.value = "";
  trigger("change");
}

function draw(event) {
  const scale = canvas.width / canvas.clientWidth;
  const [x, y] = [event.offsetX * scale, event.offsetY * scale];
  context.lineTo(x, y);
  context.stroke();
  context.beginPath(); // otherwise, the whole stroke would be drawn again, with hard edges
  context.moveTo(x, y);
  props.value = canvas.toDataURL();
  trigger("change");
}

canvas.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary) return; // a second finger
  canvas.setPointerCapture(event.pointerId);
  context.beginPath();
  draw(event);
});
canvas.addEventListener("pointermove", (event) => {
  if (canvas.hasPointerCapture(event.pointerId)) draw(event); // not a drag that started outside
});
element.querySelector("button").addEventListener("click", clear);
clear();
