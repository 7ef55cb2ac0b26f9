// @ts-check
/** The list by itself. */

import { heed } from './notify.js';
import { fetchPage, follow, gathered, remember, replaceParts, tellTimes } from './page.js';

const PARTS = ['rooms', 'tabs', 'list'];

remember(PARTS);
tellTimes();
const refresh = gathered(async () => replaceParts(await fetchPage(), PARTS));
follow('', { look: refresh, conversation: (told) => {
    heed(told);
    void refresh();
  } });
