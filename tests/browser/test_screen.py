"""That in every lab cause and effect share a screen, nothing is clipped, and every text can be read."""

import pytest
from pages import audited
from playwright.sync_api import expect
from test_mouse import CONTROLS, NAME, SETUP, STATES, TRAINS

SCREENS = {"wide": {"width": 1400, "height": 900}, "narrow": {"width": 900, "height": 1000}}
ENOUGH = 120  # pixels of a picture that have to be seen, or all of it
KEYS = """one => one.matches('button') ? ['Enter'] : one.type === 'checkbox' ? ['Space']
    : one.type === 'text' ? ['x', 'Enter'] : one.matches('[role=slider]') ? ['ArrowRight', 'ArrowLeft']
    : ['ArrowDown', 'ArrowUp']"""
BEGIN = """(lab, pictures) => {
    lab.closest('.jp-Cell').scrollIntoView({block: 'start'});
    window.before = new Map([...lab.querySelectorAll(pictures)].map(one => [one, one.innerHTML]));
}"""
PICTURES = ".cl-picture, .cl-costs, .ck-costs, .ck-row, table.cl-table"
CHANGED = """(control, [pictures, enough]) => {
    const lab = control.closest('.course-lab');
    const screen = lab.closest('.jp-WindowedPanel-outer').getBoundingClientRect();
    const seen = (one, least = one.offsetHeight) => {
        const {top, bottom} = one.getBoundingClientRect();
        const height = Math.min(bottom, screen.bottom) - Math.max(top, screen.top);
        return height >= Math.min(least, one.offsetHeight) - 1;
    };
    const changed = [...lab.querySelectorAll(pictures)].filter(
        one => one.offsetHeight && window.before.get(one) !== one.innerHTML);
    return changed.length ? {together: seen(control) && changed.some(one => seen(one, enough))} : null;
}"""
LOOKS = """lab => {
    const context = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
    const channels = colour => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((c, i) => c * a + below[i] * (1 - a));
    const light = rgb => rgb.map(c => c / 255)
        .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const paint = one => { // what a text stands on: null for pixels, whose colours are not known here
        const {fill, fillOpacity, opacity, backgroundColor} = getComputedStyle(one);
        if (one.matches('image, canvas')) return null;
        if (!one.ownerSVGElement) return channels(backgroundColor);
        const [r, g, b, a] = channels(fill === 'none' ? 'transparent' : fill);
        return [r, g, b, a * fillOpacity * opacity];
    };
    const problems = [];
    for (const one of lab.querySelectorAll(':not(style, option, :disabled, [inert])')) {
        const field = one.matches('select, input:not([type=checkbox])');
        const text = field ? one : [...one.childNodes].find(n => n.nodeType === 3 && n.textContent.trim());
        const style = getComputedStyle(one), svg = one.ownerSVGElement?.getBoundingClientRect();
        if (!text || !one.checkVisibility() || style.clipPath !== 'none') continue;
        const range = document.createRange();
        range.selectNode(text);
        const box = range.getBoundingClientRect(), said = (one.value ?? text.textContent).trim().slice(0, 30);
        if (svg ? box.left < svg.left - 1 || box.right > svg.right + 1 || box.bottom > svg.bottom + 1
            : !field && style.display !== 'inline' && !/auto|scroll/.test(style.overflowX)
                && one.scrollWidth > one.clientWidth + 1) problems.push(`${said}: clipped`);
        const frame = one.closest('pre')?.getBoundingClientRect() ?? box;
        if (box.bottom > frame.bottom || box.right > frame.right) continue; // scrolled out of sight
        if (style.paintOrder.startsWith('stroke')) continue; // with a rim, to be read on any image
        const stack = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        const layers = stack.slice(Math.max(stack.indexOf(one), 0) + (svg ? 1 : 0)).map(paint);
        const grounds = layers.slice(0, 1 + layers.findIndex(layer => !layer || layer[3] > 0.99));
        if (!grounds.every(Boolean)) continue;
        const ground = grounds.reduceRight((below, layer) => over(layer, below), [0, 0, 0]);
        let [r, g, b, a] = channels(svg ? style.fill : style.color);
        for (let up = one; up; up = up.parentElement) a *= getComputedStyle(up).opacity;
        const [dark, bright] = [light(over([r, g, b, a], ground)), light(ground)].sort((x, y) => x - y);
        const contrast = (bright + 0.05) / (dark + 0.05);
        if (contrast < 4.5) problems.push(`${said}: contrast ${contrast.toFixed(2)}`);
    }
    return problems;
}"""


@pytest.fixture(scope="module")
def everything(open_for_all):
    shown = "lab = small_labs.LABS[{!r}]()\nlab.state = {!r}\nlab"
    cells = [SETUP, *(shown.format(name, states[0]) for name, states in STATES.items())]
    return open_for_all("screen.ipynb", cells).run_all(180)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", STATES)
def test_a_control_and_a_picture_that_it_changes_share_a_screen(name, screen, everything):
    everything.page.set_viewport_size(SCREENS[screen])
    lab, drawing, apart = everything.labs().nth(list(STATES).index(name)), 0, []
    line = lab.get_by_label("State", exact=True)
    for control in lab.locator(CONTROLS).all():
        if not control.is_visible() or control.is_disabled() or control.evaluate(NAME) in TRAINS:
            continue
        line.fill(STATES[name][0])
        line.press("Enter")
        everything.settle()
        for key in control.evaluate(KEYS):
            lab.evaluate(BEGIN, PICTURES)
            control.press(key)
            everything.settle()
            if found := control.evaluate(CHANGED, [PICTURES, ENOUGH]):
                drawing += 1
                apart += [] if found["together"] else [control.evaluate(NAME)]
                break
    assert apart == []
    assert drawing > 5


def show(page, screen, theme):
    """In a window of that width which holds a whole lab, in that theme."""
    page.set_viewport_size({**SCREENS[screen], "height": 3000})
    page.emulate_media(color_scheme=theme)
    light = "true" if theme == "light" else "false"
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", light)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", STATES)
def test_every_text_is_whole_and_can_be_read(name, screen, theme, everything):
    lab = everything.labs().nth(list(STATES).index(name))
    show(everything.page, screen, theme)
    lab.evaluate("lab => lab.closest('.jp-Cell').scrollIntoView({block: 'start'})")
    for _ in range(20):  # colours follow the theme by and by
        everything.settle()
        if not (problems := lab.evaluate(LOOKS)):
            break
    assert problems == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_serious_in_any_lab(screen, theme, everything):
    show(everything.page, screen, theme)
    for _ in range(20):  # colours follow the theme by and by
        everything.settle()
        if not (problems := audited(everything.page, ".course-lab")):
            break
    assert problems == []


def test_axe_finds_a_control_without_a_name(everything):
    dial = everything.labs().first.locator("select:visible").first
    dial.evaluate("dial => dial.removeAttribute('id')")  # its label points at that
    assert "select-name" in {rule for rule, *_ in audited(everything.page, ".course-lab")}


def test_a_drag_over_a_picture_selects_none_of_its_words(everything):
    everything.run_all(180)  # every lab as it begins, whatever other tests did with it
    page = everything.page
    page.set_viewport_size(SCREENS["wide"])
    for lab in (everything.labs().nth(at) for at in range(len(STATES))):
        pictures = lab.locator(".cl-picture svg")
        expect(pictures.first).to_be_visible()
        for picture in pictures.all():
            if not picture.is_visible():
                continue
            picture.scroll_into_view_if_needed()
            box = picture.bounding_box()
            bottom = box["y"] + min(box["height"], 300) - 4  # above may be a card that stays in view
            page.mouse.move(box["x"] + box["width"] * 0.7, bottom)
            page.mouse.down()
            page.mouse.move(box["x"] + 4, box["y"] + 4, steps=5)
            page.mouse.up()
            assert page.evaluate("getSelection().toString()") == ""
            everything.settle()
